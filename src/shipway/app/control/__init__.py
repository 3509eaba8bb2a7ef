"""The controller: reads what was decided and what was measured, does the one next step, and routes accordingly.

It is level-triggered: whatever process was killed wherever, reading the ledger again tells what is to be done next.
"""
