# expect: PROBLEM initrd no root device
append="root=UUID=aaaaaaaa-0000-0000-0000-000000000009 rootdelay=3"
