"""What a boot loader will start: GRUB's menu, the Boot Loader Specification's entries, grubenv."""
