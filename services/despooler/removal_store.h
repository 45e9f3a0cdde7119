#ifndef WAYBILL_SERVICES_DESPOOLER_REMOVAL_STORE_H_
#define WAYBILL_SERVICES_DESPOOLER_REMOVAL_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/jobdb/database.h"
#include "services/despooler/distribute_store.h"

namespace waybill::despooler {

/// One claimed row of a remove job.
struct RemovalClaim {
  ServerClaim claim;
  std::string package_id;
  std::optional<content::Digest> version;  ///< Nothing: every version.
  absl::Time commit_time;                  ///< When the job came to this site.
  /// Somebody worked on a copy there and did not get to say how it ended: a tree may stand on any
  /// of the server's shares that the ledger does not know.
  bool may_hold_unknown = false;
};

/// A copy that the ledger knows.
struct LedgerCopy {
  content::Digest version;
  CopyPlace place;
  bool is_later = false;  ///< Seen after the remove job came: a later job's, and stays.
};

/// A remove job that this site has still to finish.
struct SiteRemoval {
  std::string job_id;
  std::string package_id;
  std::optional<content::Digest> version;
  absl::Time commit_time;  ///< When the job came to this site.
};

/// A version that a remove job has to wait for.
struct KeptVersion {
  std::string version;  ///< In hex.
  std::string job_id;   ///< Whose transfer holds it.
};

/// What the database says about packages that are to go, on servers and in the site's store.
///
///                 claim                Complete
///   REMOVING -------------> REMOVING ------------> REMOVED
///                  ^           |  DistributeStore::Retry
///                  +-----------+  (RETRYING until it is due; FAILED behind the deadline)
///
/// Each method is one transaction; errors and fences as of DistributeStore. Thread-safe.
class RemovalStore {
 public:
  /// Borrows `database`.
  RemovalStore(jobdb::Database& database, std::string site_code)
      : database_(database), site_code_(std::move(site_code)) {}

  /// Claims due rows of remove jobs. A server where somebody may still be at work on the package,
  /// for whatever job, is left until he lets go or his lease ends.
  absl::StatusOr<std::vector<RemovalClaim>> Claim(absl::Duration lease, int claims_max);

  /// The copies on that server that the job is about.
  absl::StatusOr<std::vector<LedgerCopy>> ListCopies(const RemovalClaim& removal);

  /// These copies, but for later ones, are proved gone: they leave the ledger, the definitions that
  /// name them get a new version, and the row is REMOVED, in one step.
  absl::Status Complete(const RemovalClaim& removal, const std::vector<LedgerCopy>& copies);

  /// Remove jobs without an open server at this site whose compressed package has not been given
  /// up, at most `count_max`.
  absl::StatusOr<std::vector<SiteRemoval>> ListSitesToClear(int count_max);

  /// The site no longer holds the versions, but those that a later job or a transfer under way
  /// relies on; their manifests and chunks are left to the collector, which is asked for in the
  /// same step. Returns one that a transfer alone still keeps, if there is any. Dead pins keep
  /// nothing and are removed.
  absl::StatusOr<std::optional<KeptVersion>> DeleteVersions(const SiteRemoval& removal);

  /// What the store must keep.
  struct Needed {
    std::vector<content::Digest> versions;  ///< Those that this site holds.
    std::vector<content::Digest> pinned;    ///< Those on their way, whose manifests may be too.
    bool everything = false;                ///< An import is under way that may rely on any chunk.
  };
  absl::StatusOr<Needed> ListNeeded();

  /// As ListNeeded, and calls `collect` while nobody can make a version visible or begin to rely on
  /// what stands: they wait, for some seconds at most, so it does a bounded step. It may work on
  /// files.
  absl::Status WithCollectionLock(absl::FunctionRef<absl::Status(const Needed&)> collect);

  /// Takes up collecting, if it was asked for and nobody else does it. Returns the fence.
  absl::StatusOr<std::optional<std::int64_t>> TakeCollection(const std::string& holder,
                                                             absl::Duration lease);
  /// Collected; unless it was asked for once more meanwhile.
  absl::Status EndCollection(const std::string& holder, std::int64_t fence);
  /// Not done: due again after `delay`.
  absl::Status DelayCollection(const std::string& holder, absl::Duration delay);

  /// Why the site has not given up the package yet.
  absl::Status PutReason(const SiteRemoval& removal, const std::string& reason);

  /// The last step of a remove job at this site. A repeat changes nothing.
  absl::Status PutPackageRemoved(const SiteRemoval& removal);

 private:
  jobdb::Database& database_;
  const std::string site_code_;
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_REMOVAL_STORE_H_
