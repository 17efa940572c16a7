"""What `dcrlog doctor` looks at, one step of the way a file."""
