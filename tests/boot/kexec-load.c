/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For a machine of a test that has no kexec-tools: loads the kernel that "systemctl kexec" starts.
 *
 *	kexec-load KERNEL INITRD WORDS
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int kernel, initrd;

	if (argc != 4) {
		(void)fputs("kexec-load KERNEL INITRD WORDS\n", stderr);
		return 2;
	}
	kernel = open(argv[1], O_RDONLY | O_CLOEXEC);
	initrd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (kernel < 0 || initrd < 0 ||
		syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1, argv[3], 0L) <
			0) {
		perror("kexec-load");
		return 1;
	}
	return 0;
}
