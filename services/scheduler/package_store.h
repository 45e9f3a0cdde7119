#ifndef WAYBILL_SERVICES_SCHEDULER_PACKAGE_STORE_H_
#define WAYBILL_SERVICES_SCHEDULER_PACKAGE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/jobdb/database.h"
#include "services/scheduler/paging.h"

#include "waybill/package/v1/package.pb.h"

namespace waybill::scheduler {

/// A version as an import found it.
struct NewVersion {
  std::string package_id;
  content::Digest version;
  content::Digest content_digest;
  std::int64_t entry_count = 0;
  std::int64_t file_count = 0;
  std::int64_t plain_bytes = 0;
  std::int64_t stored_bytes = 0;
  std::int64_t manifest_bytes = 0;
  std::vector<std::string> skipped_paths;
  std::vector<std::string> set_id_paths;
};

/// Leave to import a package, and what keeps the collector off the store meanwhile. Both end by
/// themselves.
struct ImportLease {
  std::string lease_name;
  std::int64_t fence = 0;
  std::string pin_id;
};

/// Where a page of versions begins: behind this one in the order "newest first".
struct VersionCursor {
  absl::Time create_time = absl::InfiniteFuture();
  std::string version = {};  ///< Hex.
};

/// Packages, their versions and where they stand, in the job database.
///
/// Each method is one atomic step, durable when it returns. Besides what each method says, all
/// return the errors of jobdb::Database::Run. Thread-safe.
class PackageStore {
 public:
  /// Borrows `database`.
  explicit PackageStore(jobdb::Database& database) : database_(database) {}

  /// Gives `package`, which has passed CheckPackage, an id and keeps it. A repeat with the same
  /// `request_id` returns the first one unchanged. ALREADY_EXISTS: the name is taken.
  /// FAILED_PRECONDITION: the source overlaps a share of this site. RESOURCE_EXHAUSTED: all package
  /// ids of the site are given.
  absl::StatusOr<package::v1::Package> Create(const std::string& request_id,
                                              const package::v1::Package& package);

  /// NOT_FOUND. By name only what was created here is found.
  absl::StatusOr<package::v1::Package> GetById(const std::string& package_id);
  absl::StatusOr<package::v1::Package> GetByName(const std::string& name);

  /// Up to `count` behind `after_package_id`, by id.
  absl::StatusOr<Page<package::v1::Package>> List(const std::string& after_package_id, int count);

  /// Up to `count` behind `after` of those whose content this site holds, newest first. NOT_FOUND:
  /// no such package.
  absl::StatusOr<Page<package::v1::PackageVersion>> ListVersions(const std::string& package_id,
                                                                 const VersionCursor& after,
                                                                 int count);
  absl::StatusOr<std::optional<package::v1::PackageVersion>> FindNewestVersion(
      const std::string& package_id);

  /// Up to `count` behind `after`, which has site, kind, server and version: by site, its store
  /// first. NOT_FOUND: no such package.
  absl::StatusOr<Page<package::v1::Location>> ListLocations(const std::string& package_id,
                                                            const package::v1::Location& after,
                                                            int count);

  // Importing; see Importer. --------------------------------------------------------------------

  /// ABORTED while another holder's lease lives.
  absl::StatusOr<ImportLease> TakeImportLease(const std::string& package_id,
                                              const std::string& holder, absl::Duration duration);

  /// Prolongs lease and pin. ABORTED once the lease is another's or has ended.
  absl::Status RenewImport(const ImportLease& lease, absl::Duration duration);

  /// Gives both up. OK if they are gone.
  absl::Status EndImport(const ImportLease& lease);

  /// Makes `version` visible as the newest, if `check_chunks` (index look-ups only) still finds all
  /// of it: the collector cannot unlink anything between the two. A version that is there already
  /// becomes the newest again. ABORTED if the lease is lost; errors of `check_chunks`.
  absl::StatusOr<package::v1::PackageVersion> CommitVersion(
      const ImportLease& lease, const NewVersion& version,
      absl::FunctionRef<absl::Status()> check_chunks);

 private:
  absl::StatusOr<std::vector<package::v1::Package>> Read(
      const std::optional<std::string>& package_id, const std::optional<std::string>& name);

  jobdb::Database& database_;
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_PACKAGE_STORE_H_
