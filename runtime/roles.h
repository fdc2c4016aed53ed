/* roles.h - what the holder of a key may do, as bits. */
#ifndef PL_RUNTIME_ROLES_H
#define PL_RUNTIME_ROLES_H

enum { PL_ROLE_PRODUCER = 1, PL_ROLE_TOOL = 2, PL_ROLE_OPERATOR = 4, PL_ROLE_AUDITOR = 8, PL_ROLES_ALL = 15 };

#endif
