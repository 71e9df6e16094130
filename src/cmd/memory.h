/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Of the process as a whole. Libraries keep copies of keys in ordinary memory; so nothing of it may
 * be swapped out, and what they free is overwritten at once.
 */
void memory_lock(void);
