"""What every service agrees on: message types, names, money, errors, and the door to the bus. Imports no service."""
