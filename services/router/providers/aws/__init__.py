"""What Bedrock and SageMaker have in common: regions, signatures, event streams."""
