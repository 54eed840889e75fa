"""What pictures cost (`costs`), how much may be spent (`budget`), and how many one client may start (`rates`)."""
