"""What `dcrlog send` is made of: input cut into pieces, pieces made rows, and how far it has come."""
