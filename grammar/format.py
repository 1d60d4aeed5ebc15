def format_file(text, style=None): return text
