# expect: PROBLEM system default target
link /etc/systemd/system/default.target /dev/null
