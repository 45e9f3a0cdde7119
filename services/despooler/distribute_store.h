#ifndef WAYBILL_SERVICES_DESPOOLER_DISTRIBUTE_STORE_H_
#define WAYBILL_SERVICES_DESPOOLER_DISTRIBUTE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/jobdb/database.h"
#include "services/despooler/placement.h"

namespace waybill::despooler {

/// One claimed row of job x server: whose effects name its fence.
struct ServerClaim {
  std::string job_id;
  std::string server_name;
  std::int64_t fence = 0;
  int attempt_count = 0;  ///< This attempt included.
};

/// FAILED_PRECONDITION: the row is no longer ours to work on.
absl::Status StaleFence(const ServerClaim& claim);

/// Rows of one version, claimed together to share one temporary tree.
struct CopyBatch {
  std::string package_id;
  content::Digest version;
  bool version_at_site = false;  ///< Whether the store holds it; the two sizes are 0 if not.
  std::int64_t plain_bytes = 0;
  std::int64_t entry_count = 0;
  std::vector<ServerClaim> claims;  ///< By server; one server may appear for several jobs.
};

/// Where one copy stands or is to stand.
struct CopyPlace {
  std::string drive;
  std::string directory;  ///< Of the version, as workstations see it.
};

/// The queue of this site's distribution servers, and the ledger of what stands on them.
///
///                claim                      CompleteCopy
///   PENDING ----------------> COPYING ---------------------------> PRESENT
///                ^               |  Retry            ^
///                |               +------> RETRYING --+ claim when due
///                |  claim when   |
///                +-- the lease --+  Fail, or Retry behind the job's deadline
///                    has ended   +-----------------------------> FAILED
///
/// (Removals: see RemovalStore; Keep, Retry and Fail serve them too.) The same server and package
/// is claimed by one holder at a time, whatever the job; whose row was ended under him (by a
/// cancel, by a remove job) keeps others off until he lets go or his lease ends. Each method is one
/// transaction; times are those of the database's clock. FAILED_PRECONDITION: the fence is not the
/// newest, or the lease or the row has ended, nothing was changed, and the caller stops. Otherwise
/// errors as of jobdb::Database::Run. Thread-safe.
class DistributeStore {
 public:
  /// Borrows `database`.
  DistributeStore(jobdb::Database& database, std::string site_code)
      : database_(database), site_code_(std::move(site_code)) {}

  /// Claims the due servers of the most urgent version, at most `claims_max`; nothing if none is
  /// due.
  absl::StatusOr<std::optional<CopyBatch>> ClaimCopies(absl::Duration lease, int claims_max);

  /// How long until a row of this site that waits, or that somebody works on, may be due;
  /// InfiniteDuration if there is none.
  absl::StatusOr<absl::Duration> UntilNextDue();

  /// Renews the leases. Returns, in the same order, which are still ours and wanted: the fence is
  /// the newest, the row is open and the job not cancelled.
  absl::StatusOr<std::vector<bool>> Keep(const std::vector<ServerClaim>& claims,
                                         absl::Duration lease);

  /// As Keep, without renewing: a read.
  absl::StatusOr<std::vector<bool>> Check(const std::vector<ServerClaim>& claims);

  /// Where the server's files go, by drive. Empty if the server is no longer known.
  absl::StatusOr<std::vector<ShareDirectory>> ListShares(const std::string& server_name);

  /// What the ledger says about this version on this server.
  absl::StatusOr<std::optional<CopyPlace>> FindLocation(const std::string& server_name,
                                                        const std::string& package_id,
                                                        const content::Digest& version);

  /// How the directories of the package's versions are called, newest first, as far as this site
  /// holds them.
  absl::StatusOr<std::vector<std::string>> ListVersionNames(const std::string& package_id);

  /// The copy stands: ledger, state and, for each open target of the job here, a new version of its
  /// definition, in one step. FAILED_PRECONDITION also writes the ledger if the row was ended while
  /// the copy was made: it stands all the same, and a remove job must find it.
  absl::Status CompleteCopy(const ServerClaim& claim, const CopyBatch& batch,
                            const CopyPlace& place, std::int64_t plain_bytes);

  /// Nothing of this claim is under work any more: others need not wait for its lease. OK if it
  /// was not ours.
  absl::Status LetGo(const ServerClaim& claim);

  struct RetryPlan {
    std::string reason;
    absl::Duration delay;
    bool reset_attempts = false;  ///< The wait says nothing about the server: a full disk.
  };
  /// Makes the row wait. Behind the job's deadline it ends as FAILED with DEADLINE_PASSED instead,
  /// as Fail would do it; returns whether that happened.
  absl::StatusOr<bool> Retry(const ServerClaim& claim, const RetryPlan& plan);

  /// Ends the row. When it was the last that could have served the job here, and no other copy of
  /// the version stands here, its open targets fail with NO_SERVER_HAS_IT.
  absl::Status Fail(const ServerClaim& claim, const std::string& reason);

 private:
  jobdb::Database& database_;
  const std::string site_code_;
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_DISTRIBUTE_STORE_H_
