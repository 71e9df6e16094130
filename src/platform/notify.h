/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One line to the service manager, as sd_notify(3) sends it.
 */

/* "STATUS=" and the text, which systemctl status shows. Without a manager it does nothing. */
void notify_status(const char *text);
/* The same, and that it is not stuck: whatever the unit's timeouts are, so long from now is fine. */
void notify_busy(const char *text, unsigned seconds);
