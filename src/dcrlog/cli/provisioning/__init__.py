"""What `dcrlog provision` is made of: columns found, a plan, and the files that carry it out."""
