"""What a transportation director opens: where routes lose the internet, and today."""
