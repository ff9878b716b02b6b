/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Keys of the sections [service.*] of strazh.conf(5): a part of user/daemon/config/config_keys.h.
 */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_SERVICE_KEYS_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_SERVICE_KEYS_H

#define CONFIG_SERVICE_KEYS(X)                                                                     \
	X(ECHO_ENABLE, "service.echo", "enable", SWITCH, "on", 0, 1, "", RESTART,                  \
	  "Answer each message with itself.")                                                      \
	X(RELAY_ENABLE, "service.relay", "enable", SWITCH, "on", 0, 1, "", RESTART,                \
	  "Rooms and messages from client to client.")                                             \
	X(RELAY_MAX_CLIENTS, "service.relay", "max_clients", NUMBER, "10000", 1, 10000000, "",     \
	  RESTART, "Clients that may be in rooms.")                                                \
	X(RELAY_MAX_ROOMS, "service.relay", "max_rooms", NUMBER, "1000", 1, 1000000, "", RESTART,  \
	  "Rooms in all.")                                                                         \
	X(RELAY_ROOMS_PER_CLIENT, "service.relay", "rooms_per_client", NUMBER, "16", 1, 1000, "",  \
	  RESTART, "Rooms that one client may be in.")                                             \
	X(RELAY_ROOM_MEMBERS, "service.relay", "room_members", NUMBER, "10000", 1, 1000000, "",    \
	  RESTART, "Members of one room.")                                                         \
	X(RELAY_MAX_MESSAGE_SIZE, "service.relay", "max_message_size", SIZE, "64K", 1, 65536, "",  \
	  RESTART, "The longest message; 64K: what a record holds.")                               \
	X(RELAY_QUEUE, "service.relay", "queue", NUMBER, "100", 1, 10000, "", RESTART,             \
	  "Messages that may wait for one member.")                                                \
	X(RELAY_POLICY, "service.relay", "policy", WORD, "drop", 0, 0, "drop close", RESTART,      \
	  "When more wait: drop messages and say how many, or close the session.")                 \
	X(RELAY_QUEUE_MEMORY, "service.relay", "queue_memory", SIZE, "128M", 65536, 1099511627776, \
	  "", RESTART, "What may wait for all members together, and as much between threads.")     \
	X(RELAY_HISTORY, "service.relay", "history", NUMBER, "100", 0, 10000, "", RESTART,         \
	  "Messages of a room that are kept for who comes later.")                                 \
	X(RELAY_HISTORY_MEMORY, "service.relay", "history_memory", SIZE, "64M", 0, 1099511627776,  \
	  "", RESTART, "What all histories may hold together.")                                    \
	X(RELAY_HISTORY_KEEP, "service.relay", "history_keep", TIME, "10m", 0, 2592000, "",        \
	  RESTART, "How long the history of a room outlives its last member.")                     \
	X(RELAY_PRESENCE_MAX, "service.relay", "presence_max", NUMBER, "256", 0, 1000000, "",      \
	  RESTART, "In a room with more members nobody is told who comes and goes.")               \
	X(RELAY_CLIENT_TIMEOUT, "service.relay", "client_timeout", TIME, "10m", 0, 2592000, "",    \
	  RESTART, "A client that is silent for so long leaves its rooms; 0: never.")              \
	X(RELAY_WELCOME, "service.relay", "welcome", TEXT, "", 0, 1024, "", RESTART,               \
	  "Said to who joins a room.")                                                             \
	X(TUNNEL_ENABLE, "service.tunnel", "enable", SWITCH, "off", 0, 1, "", RESTART,             \
	  "TCP streams to the upstreams named here.")                                              \
	X(TUNNEL_STREAMS_MAX, "service.tunnel", "streams_max", NUMBER, "32", 1, 1024, "", RESTART, \
	  "Streams of one session.")                                                               \
	X(TUNNEL_STREAMS_TOTAL, "service.tunnel", "streams_total", NUMBER, "4096", 1, 1000000, "", \
	  RESTART, "Streams in all.")                                                              \
	X(TUNNEL_WINDOW_SIZE, "service.tunnel", "window", SIZE, "256K", 4096, 16777216, "",        \
	  RESTART, "What one stream may hold each way.")                                           \
	X(TUNNEL_CONNECT_TIMEOUT, "service.tunnel", "connect_timeout", TIME, "10s", 1, 300, "",    \
	  RESTART, "How long an upstream may take to answer.")                                     \
	X(TUNNEL_IDLE_TIMEOUT, "service.tunnel", "idle_timeout", TIME, "1h", 0, 2592000, "",       \
	  RESTART, "A stream on which nothing moves for so long is closed; 0: never.")             \
	X(TUNNEL_CLIENTS, "service.tunnel", "clients", WORD, "any", 0, 0, "any identified",        \
	  RESTART, "Who may open streams: anybody, or who has a key (xk1, xx).")

#endif
