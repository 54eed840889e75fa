"""The ladder: the widths in which renditions are stored once they were made, in pixels."""

# Thumbnails, README columns (GitHub's is about 830 wide), and each of the usual ones twice for dense screens.
LADDER = (64, 128, 256, 320, 384, 480, 512, 640, 768, 800, 960, 1024, 1280)
