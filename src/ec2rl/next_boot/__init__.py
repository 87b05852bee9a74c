"""What any setting of the kernel will be after a reboot, and which line of which file decides.

A package that knows more of its own keys (other names, values, defaults) gives its own `Rules`.
"""
