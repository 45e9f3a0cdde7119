#include "services/scheduler/import_files.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/content/chunk_store.h"
#include "common/content/import.h"
#include "common/content/manifest.h"
#include "common/content/pack.h"
#include "common/content/progress.h"
#include "common/logging/log.h"
#include "common/random/random_id.h"
#include "common/status/status_macros.h"
#include "common/thread/loop.h"
#include "common/tree/directory.h"
#include "services/scheduler/package_store.h"
#include "services/scheduler/registration_rules.h"

namespace waybill::scheduler {
namespace {

constexpr std::size_t kListedPathsMax = 1000;  // As package.proto says.

// Beneath the root that the operator trusts, no link is followed: whoever may write in a source
// folder must not make us read elsewhere.
absl::StatusOr<tree::Directory> OpenSource(const std::string& root, const std::string& source) {
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory directory, tree::Directory::Open(root));
  if (source.size() == root.size()) {
    return directory;
  }
  return directory.OpenDirectory(absl::string_view(source).substr(root.size() + 1));
}

// The codes that callers are promised: a tree that cannot be carried is not the caller's spelling.
absl::Status ToImportError(const absl::Status& status, const package::v1::Package& package) {
  const std::string text = absl::StrCat("package ", package.package_id(), ": ", status.message());
  const bool precondition = absl::IsInvalidArgument(status) || absl::IsPermissionDenied(status);
  return {precondition ? absl::StatusCode::kFailedPrecondition : status.code(), text};
}

// A refusal's text travels in a header and is cut there; the log has every path.
void LogRefused(const std::string& package_id, const std::vector<content::SkippedEntry>& refused) {
  for (const content::SkippedEntry& entry : refused) {
    log::Warning("cannot be carried", {{"package_id", package_id},
                                       {"path", entry.escaped_path},
                                       {"reason", content::SkipReasonName(entry.reason)}});
  }
}

NewVersion ToNewVersion(const std::string& package_id, const content::ImportResult& result) {
  NewVersion version = {
      .package_id = package_id,
      .version = result.version,
      .content_digest = result.totals.content_digest,
      .entry_count = static_cast<std::int64_t>(result.totals.entry_count),
      .file_count = static_cast<std::int64_t>(result.totals.file_count),
      .plain_bytes = static_cast<std::int64_t>(result.totals.plain_bytes),
      .stored_bytes = static_cast<std::int64_t>(result.stored_bytes),
      .manifest_bytes = static_cast<std::int64_t>(result.manifest_bytes),
      .skipped_paths = {},
      .set_id_paths = result.special_mode_paths,
  };
  for (const content::SkippedEntry& entry : result.skipped) {
    version.skipped_paths.push_back(entry.escaped_path);
  }
  version.skipped_paths.resize(std::min(version.skipped_paths.size(), kListedPathsMax));
  version.set_id_paths.resize(std::min(version.set_id_paths.size(), kListedPathsMax));
  return version;
}

// Prolongs lease and pin beside the import, and says when they were lost.
class Renewal {
 public:
  Renewal(PackageStore& packages, const ImportLease& lease, absl::Duration duration)
      : packages_(packages),
        lease_(lease),
        duration_(duration),
        loop_("renew import", duration / 3, [this] { return Renew(); }) {
    loop_.Start();
  }

  bool lost() const { return lost_; }

 private:
  absl::StatusOr<absl::Duration> Renew() {
    const absl::Status status = packages_.RenewImport(lease_, duration_);
    if (absl::IsAborted(status)) {
      lost_ = true;
      return absl::InfiniteDuration();
    }
    WAYBILL_RETURN_IF_ERROR(status);
    return absl::InfiniteDuration();
  }

  PackageStore& packages_;
  const ImportLease lease_;
  const absl::Duration duration_;
  std::atomic<bool> lost_ = false;
  Loop loop_;  // Last: its thread uses the others.
};

content::WorkOptions ToWorkOptions(const Importer::Progress& progress,
                                   const Importer::Cancelled& cancelled, const Renewal& renewal) {
  return {
      .threads = std::max(2, static_cast<int>(std::thread::hardware_concurrency())),
      .cancelled = [&renewal, &cancelled] { return renewal.lost() || cancelled(); },
      .progress =
          [&progress](const content::Progress& state) {
            progress({.files_done = static_cast<std::int64_t>(state.files_done),
                      .files_total = static_cast<std::int64_t>(state.files_total),
                      .bytes_done = static_cast<std::int64_t>(state.bytes_done),
                      .bytes_total = static_cast<std::int64_t>(state.bytes_total)});
          },
  };
}

}  // namespace

Importer::Importer(PackageStore& packages, content::ChunkStore& content, Options options)
    : packages_(packages), content_(content), options_(std::move(options)) {}

absl::StatusOr<ImportOutcome> Importer::Import(const std::string& package_id, bool skip_unsafe,
                                               const Progress& progress,
                                               const Cancelled& cancelled) {
  WAYBILL_ASSIGN_OR_RETURN(const package::v1::Package package, packages_.GetById(package_id));
  if (package.source_directory().empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "package ", package_id, " was not created at this site: it has no source here"));
  }
  WAYBILL_ASSIGN_OR_RETURN(const std::string root,
                           FindSourceRoot(options_.source_directories, package.source_directory()));
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory source,
                           OpenSource(root, package.source_directory()));
  WAYBILL_ASSIGN_OR_RETURN(
      const ImportLease lease,
      packages_.TakeImportLease(package_id, absl::StrCat("scheduler/", RandomId()),
                                options_.lease_duration));
  const absl::Cleanup end = [this, &lease] {
    if (const absl::Status status = packages_.EndImport(lease); !status.ok()) {
      log::Warning("a lease is left to end by itself",
                   {{"lease_name", lease.lease_name}, {"error", status}});
    }
  };
  return ImportUnderLease(package, skip_unsafe, source, lease, {progress, cancelled});
}

absl::StatusOr<ImportOutcome> Importer::ImportUnderLease(const package::v1::Package& package,
                                                         bool skip_unsafe,
                                                         const tree::Directory& source,
                                                         const ImportLease& lease,
                                                         const Watch& watch) {
  const Renewal renewal(packages_, lease, options_.lease_duration);
  std::vector<content::SkippedEntry> refused;
  absl::StatusOr<content::ImportResult> result =
      content::ImportTree(source, content_,
                          {.package_id = package.package_id(),
                           .skip_unsafe = skip_unsafe,
                           .refused = &refused,
                           .work = ToWorkOptions(watch.progress, watch.cancelled, renewal)});
  LogRefused(package.package_id(), refused);
  if (renewal.lost()) {
    return absl::AbortedError(
        absl::StrCat("the import of package ", package.package_id(), " lost its lease: try again"));
  }
  if (!result.ok()) {
    return ToImportError(result.status(), package);
  }
  return Keep(package.package_id(), lease, *result);
}

absl::StatusOr<ImportOutcome> Importer::Keep(const std::string& package_id,
                                             const ImportLease& lease,
                                             content::ImportResult& result) {
  const auto new_bytes = static_cast<std::int64_t>(result.new_chunk_bytes);
  WAYBILL_ASSIGN_OR_RETURN(std::optional<package::v1::PackageVersion> newest,
                           packages_.FindNewestVersion(package_id));
  if (newest.has_value() && newest->content_digest() == result.totals.content_digest.ToHex()) {
    return ImportOutcome{.version = *std::move(newest), .unchanged = true, .new_stored_bytes = 0};
  }
  WAYBILL_ASSIGN_OR_RETURN(const content::ManifestIndex index,
                           content::IndexManifest(result.manifest.manifest()));
  WAYBILL_RETURN_IF_ERROR(result.manifest.Commit().status());
  const auto check_stands = [&]() -> absl::Status {
    WAYBILL_ASSIGN_OR_RETURN(const std::vector<bool> missing,
                             content_.Missing(index.chunks, nullptr));
    const auto count = std::count(missing.begin(), missing.end(), true);
    if (count > 0) {
      return absl::AbortedError(
          absl::StrCat(count, " chunks of package ", package_id, " left the store: import again"));
    }
    const absl::Status manifest = content_.manifests().Get(index.version).status();
    return absl::IsNotFound(manifest)
               ? absl::AbortedError(absl::StrCat("the manifest of package ", package_id,
                                                 " left the store: import again"))
               : manifest;
  };
  WAYBILL_ASSIGN_OR_RETURN(
      package::v1::PackageVersion version,
      packages_.CommitVersion(lease, ToNewVersion(package_id, result), check_stands));
  return ImportOutcome{
      .version = std::move(version), .unchanged = false, .new_stored_bytes = new_bytes};
}

}  // namespace waybill::scheduler
