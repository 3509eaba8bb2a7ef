"""Door 3: the prediction process. It reads ports, core, maths and kit, and nothing of the control plane."""
