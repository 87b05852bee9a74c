# expect: PROBLEM initrd initrd is cut
head -c $(($(stat -c %s initrd) * 6 / 10)) initrd > "$disk.initrd"
initrd=$disk.initrd
append="rootdelay=3"
