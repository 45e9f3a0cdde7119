#ifndef WAYBILL_SERVICES_SCHEDULER_IMPORT_FILES_H_
#define WAYBILL_SERVICES_SCHEDULER_IMPORT_FILES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "waybill/package/v1/package.pb.h"

namespace waybill::content {
class ChunkStore;
struct ImportResult;
}  // namespace waybill::content

namespace waybill::tree {
class Directory;
}

namespace waybill::scheduler {

class PackageStore;
struct ImportLease;

/// How far an import is. The totals grow while the source is still being listed.
struct ImportState {
  std::int64_t files_done = 0;
  std::int64_t files_total = 0;
  std::int64_t bytes_done = 0;
  std::int64_t bytes_total = 0;
};

struct ImportOutcome {
  package::v1::PackageVersion version;
  bool unchanged = false;             ///< The source equals `version`, which already was there.
  std::int64_t new_stored_bytes = 0;  ///< Compressed bytes that the store did not hold before.
};

/// Makes versions: reads a package's source beneath the configured source folders, keeps what the
/// store lacks, and records the version once all of it stands.
///
///   lease and pin -> read, cut, hash, keep -> (unchanged: the newest version) or
///   check that every chunk stands and record the version, in one transaction -> release both
///
/// The lease `import/<package id>` lets one import of a package run at a time, in whatever process
/// of the site; the pin keeps the collector from what the import relies on. Both are renewed while
/// it works and end by themselves when the process dies; what a dead import stored is found again
/// by the next one, or collected. No transaction is open while files are read. Thread-safe.
class Importer {
 public:
  struct Options {
    std::vector<std::string> source_directories;  ///< Canonical, see CheckAbsolutePath.
    absl::Duration lease_duration = absl::Seconds(15);
  };

  /// Gets the state now and then, on a thread of the import's; must not block for long.
  using Progress = std::function<void(const ImportState&)>;
  /// Asked between files and chunks, on several threads; true ends the import with CANCELLED.
  using Cancelled = std::function<bool()>;

  /// Borrows both stores.
  Importer(PackageStore& packages, content::ChunkStore& content, Options options);

  /// Imports the source of `package_id` as it stands. With `skip_unsafe` it leaves out what cannot
  /// be carried. A source whose content equals that of the newest version makes no new one.
  ///
  /// NOT_FOUND: no such package or source directory. FAILED_PRECONDITION: the package was not
  /// created here, its source is not beneath a source folder, or the tree holds what cannot be
  /// carried (lists every path) or changed while it was read. ABORTED: an import of it is running,
  /// or this one lost its lease. CANCELLED. RESOURCE_EXHAUSTED: the disk is full. Otherwise as
  /// jobdb::Database::Run. Nothing is visible after an error.
  absl::StatusOr<ImportOutcome> Import(const std::string& package_id, bool skip_unsafe,
                                       const Progress& progress, const Cancelled& cancelled);

 private:
  struct Watch {
    const Progress& progress;
    const Cancelled& cancelled;
  };

  absl::StatusOr<ImportOutcome> ImportUnderLease(const package::v1::Package& package,
                                                 bool skip_unsafe, const tree::Directory& source,
                                                 const ImportLease& lease, const Watch& watch);
  absl::StatusOr<ImportOutcome> Keep(const std::string& package_id, const ImportLease& lease,
                                     content::ImportResult& result);

  PackageStore& packages_;
  content::ChunkStore& content_;
  const Options options_;
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_IMPORT_FILES_H_
