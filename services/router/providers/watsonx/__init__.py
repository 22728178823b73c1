"""watsonx.ai's chat, close to OpenAI's: other names and places for a few things.

Format: https://cloud.ibm.com/apidocs/watsonx-ai#text-chat and #text-chat-stream
"""
