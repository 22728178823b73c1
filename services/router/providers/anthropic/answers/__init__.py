"""Answers of the Messages API as chat's: `translator.MessageTranslator` reads them whole or event by event."""
