# expect: PROBLEM kernel no initrd
initrd=""
