# expect: PROBLEM system library
gone $(debugfs -R 'ls -p /usr/lib/x86_64-linux-gnu/systemd' "$disk" 2>/dev/null |
    sed -n 's|.*/\(libsystemd-shared[^/]*\)/.*|/usr/lib/x86_64-linux-gnu/systemd/\1|p')
