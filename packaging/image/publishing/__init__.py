"""What packaging/image/publish is made of. One file of ../targets is one kind of target."""
