#!/bin/sh
# The guest's only start-up script, run once by busybox init.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /run /tmp
hostname -F /etc/hostname
mount -t devpts devpts /dev/pts
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
if [ -e /etc/on-disk ]; then
	# The image was built without root: its files belong to somebody else.
	mount -o remount,rw /
	chown -R 0:0 /root /etc
fi
while read -r module; do
	insmod "/lib/modules/$module.ko"
done </etc/modules
ifconfig lo 127.0.0.1
# QEMU's user network, always the same: no need to ask by DHCP.
if ifconfig eth0 10.0.2.15 netmask 255.255.255.0; then
	route add default gw 10.0.2.2
	echo nameserver 10.0.2.3 >/etc/resolv.conf
fi
if [ -e /lib/modules/crashme.ko ]; then
	insmod /lib/modules/crashme.ko
fi
dropbear -s -j -k -P /run/dropbear.pid -r /etc/dropbear/dropbear_ed25519_host_key
echo "ktrap-lab: guest is ready"
