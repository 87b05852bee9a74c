# expect: PROBLEM initrd no init
inode /usr/lib/systemd/systemd mode 0100644
gone /usr/bin/sh
