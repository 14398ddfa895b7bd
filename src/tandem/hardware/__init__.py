"""What this machine is, and how it will execute what the params ask for."""
