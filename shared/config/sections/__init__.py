"""What each section of config.yaml may say."""
