"""What runs at the user: the page in web/, and the native client."""
