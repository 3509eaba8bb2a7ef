"""LightGBM: its boosters as text, and as trees that compare in single precision without changing their mind."""
