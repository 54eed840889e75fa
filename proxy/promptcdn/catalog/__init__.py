"""What is known of pictures: bindings, masters and renditions, removals, over a store and in memory."""
