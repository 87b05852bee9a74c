# expect: OK reached None
printf 'UUID=aaaaaaaa-0000-0000-0000-00000000000f / ext4 defaults 0 1\n' | put /etc/fstab
