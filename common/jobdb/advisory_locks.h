#ifndef WAYBILL_COMMON_JOBDB_ADVISORY_LOCKS_H_
#define WAYBILL_COMMON_JOBDB_ADVISORY_LOCKS_H_

#include <cstdint>

namespace waybill::jobdb {

/// Keys of PostgreSQL's advisory locks, all of them in this file so that no two meet. The numbers
/// are arbitrary. Only transaction-scoped locks are used (`pg_advisory_xact_lock...`): a lock of a
/// session would vanish unseen with its connection.

/// Held exclusively while migrations are applied.
inline constexpr std::int64_t kMigrateLock = 7305808869231650;

/// Held shared by a transaction that makes a version visible after it has checked that all its
/// chunks are there, and exclusively by the one that unlinks packs. So no pack goes between that
/// check and the commit. Pass it as a parameter: `SELECT pg_advisory_xact_lock_shared($1)`.
inline constexpr std::int64_t kPackUnlinkLock = 7305808869231651;

/// Held while servers are claimed for copying or removing: two claims at once could take one server
/// and package for two jobs.
inline constexpr std::int64_t kServerClaimLock = 7305808869231652;

/// Held while send requests are claimed: the limits on concurrent sends are counted and then
/// filled, and two claims at once would both fill the last slot.
inline constexpr std::int64_t kSendClaimLock = 7305808869231653;

}  // namespace waybill::jobdb

#endif  // WAYBILL_COMMON_JOBDB_ADVISORY_LOCKS_H_
