#include "services/despooler/removal_loop.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/clock/clock.h"
#include "common/content/chunk_store.h"
#include "common/content/digest.h"
#include "common/content/manifest.h"
#include "common/content/manifest_reader.h"
#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/channels.h"
#include "common/model/ids.h"
#include "common/model/reasons.h"
#include "common/status/status_macros.h"
#include "common/tree/directory.h"
#include "services/despooler/distribute_store.h"
#include "services/despooler/placement.h"
#include "services/despooler/removal_store.h"
#include "services/despooler/server_copy_files.h"
#include "services/despooler/server_crew_loop.h"

namespace waybill::despooler {
namespace {

constexpr int kSitesPerPass = 100;

prometheus::Counter& CollectedBytes() {
  static metrics::CounterFamily& family = *new metrics::CounterFamily(
      "waybill_despooler_collected_bytes_total", "Bytes of packs removed from the store.");
  return family.With();
}

prometheus::Counter& RemovedCopies() {
  static metrics::CounterFamily& family = *new metrics::CounterFamily(
      "waybill_despooler_removed_copies_total", "Copies removed from distribution servers.");
  return family.With();
}

// The chunks of some versions, 9 bytes for each: half of their digests, which are evenly spread.
// Two that agree in that half keep each other's pack, and nothing else.
class LiveChunks {
 public:
  absl::Status Add(const content::Digest& version, content::ChunkStore& store) {
    if (versions_.contains(version)) {
      return absl::OkStatus();
    }
    WAYBILL_ASSIGN_OR_RETURN(const content::Manifest manifest, store.manifests().Get(version));
    const std::unique_ptr<content::ByteSource> source = manifest.NewSource();
    content::ManifestReader reader(*source);
    content::Entry entry;
    content::Chunk chunk;
    for (;;) {
      WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.Next(entry));
      if (!more) {
        break;
      }
      for (;;) {
        WAYBILL_ASSIGN_OR_RETURN(const bool more_chunks, NextChunk(entry, reader, chunk));
        if (!more_chunks) {
          break;
        }
        prefixes_.insert(chunk.digest.prefix64());
      }
    }
    if (reader.version() != version) {
      return absl::DataLossError(
          absl::StrCat("the manifest of version ", version.ToHex(), " has other bytes"));
    }
    versions_.insert(version);
    return absl::OkStatus();
  }

  bool Contains(const content::Digest& digest) const {
    return prefixes_.contains(digest.prefix64());
  }
  bool ContainsVersion(const content::Digest& version) const { return versions_.contains(version); }

 private:
  static absl::StatusOr<bool> NextChunk(const content::Entry& entry,
                                        content::ManifestReader& reader, content::Chunk& chunk) {
    return entry.type == content::EntryType::kFile ? reader.NextChunk(chunk) : false;
  }

  absl::flat_hash_set<content::Digest> versions_;
  absl::flat_hash_set<std::uint64_t> prefixes_;
};

// Adds what is needed; false if that cannot be told yet: an import, or a transfer whose manifest is
// still under way, may rely on any chunk. A version of this site that cannot be read is an error:
// nothing may be called dead then.
absl::StatusOr<bool> AddNeeded(const RemovalStore::Needed& needed, content::ChunkStore& store,
                               LiveChunks& live) {
  if (needed.everything) {
    return false;
  }
  for (const content::Digest& version : needed.versions) {
    WAYBILL_RETURN_IF_ERROR(live.Add(version, store));
  }
  for (const content::Digest& version : needed.pinned) {
    const absl::Status added = live.Add(version, store);
    if (absl::IsNotFound(added)) {
      return false;
    }
    WAYBILL_RETURN_IF_ERROR(added);
  }
  return true;
}

absl::Status RemoveDead(const LiveChunks& live, content::ChunkStore& store) {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<content::Digest> versions, store.manifests().List());
  for (const content::Digest& version : versions) {
    if (!live.ContainsVersion(version)) {
      WAYBILL_RETURN_IF_ERROR(store.manifests().Remove(version));
    }
  }
  WAYBILL_ASSIGN_OR_RETURN(
      const std::uint64_t bytes,
      store.Collect([&](const content::Digest& digest) { return live.Contains(digest); }));
  CollectedBytes().Increment(static_cast<double>(bytes));
  log::Info("collected the store", {{"bytes", bytes}});
  return absl::OkStatus();
}

}  // namespace

RemovalLoop::RemovalLoop(Parts parts, Notify notify, Options options)
    : parts_(parts),
      notify_(std::move(notify)),
      options_(std::move(options)),
      loop_("remove", options_.poll_interval, [this] { return RunOnce(); }),
      crew_(parts_.servers, parts_.clock, options_.crew, [this] { loop_.Wake(); }) {}

RemovalLoop::~RemovalLoop() {
  loop_.Stop();
}

void RemovalLoop::Start() {
  crew_.Start();
  loop_.Start();
}

bool RemovalLoop::Stop(absl::Duration limit) {
  loop_.Stop();
  return crew_.Stop(limit);
}

absl::StatusOr<absl::Duration> RemovalLoop::RunOnce() {
  while (crew_.HasRoom() && !loop_.IsStopping()) {
    WAYBILL_ASSIGN_OR_RETURN(const std::vector<RemovalClaim> claimed,
                             parts_.store.Claim(options_.crew.lease, options_.claims_max));
    if (claimed.empty()) {
      break;
    }
    for (const RemovalClaim& removal : claimed) {
      Begin(removal);
    }
  }
  WAYBILL_ASSIGN_OR_RETURN(const bool cleared, ClearSites());
  WAYBILL_ASSIGN_OR_RETURN(const absl::Duration due, parts_.servers.UntilNextDue());
  return cleared ? due : std::min(due, options_.collect_retry_interval);
}

void RemovalLoop::Begin(const RemovalClaim& removal) {
  crew_.Submit(
      {removal.claim}, [this, removal](ServerTask& task) { Serve(removal, task); },
      [this](const ServerClaim& claim) {
        RetryLater(claim, absl::UnavailableError(
                              absl::StrCat("server ", claim.server_name,
                                           " does not answer; its worker was abandoned")));
      });
}

void RemovalLoop::Serve(const RemovalClaim& removal, ServerTask& task) {
  const absl::StatusOr<std::vector<LedgerCopy>> copies = parts_.store.ListCopies(removal);
  absl::Status status = copies.status();
  if (status.ok()) {
    status = RemoveCopies(removal, *copies, task);
  }
  if (task.IsLost() || absl::IsCancelled(status)) {
    return;  // Whoever took it away has said what becomes of it, or its lease ends.
  }
  if (!status.ok()) {
    RetryLater(removal.claim, status);
    return;
  }
  const absl::Status ended = parts_.store.Complete(removal, *copies);
  if (!ended.ok()) {
    log::Warning("cannot record a removal", {{"job_id", removal.claim.job_id},
                                             {"server_name", removal.claim.server_name},
                                             {"error", ended}});
    return;
  }
  RemovedCopies().Increment(static_cast<double>(copies->size()));
  log::Info("removed from a server", {{"job_id", removal.claim.job_id},
                                      {"server_name", removal.claim.server_name},
                                      {"package_id", removal.package_id},
                                      {"copies", copies->size()}});
  NotifyEnded();
}

absl::Status RemovalLoop::RemoveCopies(const RemovalClaim& removal,
                                       const std::vector<LedgerCopy>& copies,
                                       ServerTask& task) const {
  for (const LedgerCopy& copy : copies) {
    task.Touch(parts_.clock.Monotonic());
    if (task.IsLost()) {
      return absl::CancelledError("the removal was stopped");
    }
    const absl::Status status = RemoveCopy(removal, copy, task);
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("server ", removal.claim.server_name, ", directory ",
                                       copy.place.directory, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status RemovalLoop::RemoveCopy(const RemovalClaim& removal, const LedgerCopy& copy,
                                     ServerTask& task) const {
  WAYBILL_ASSIGN_OR_RETURN(
      const std::string share_directory,
      ShareDirectoryOf(copy.place.directory, copy.place.drive, removal.package_id, copy.version));
  // A share that is not there proves nothing: its mount may be gone, with the copy on it.
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory share, tree::Directory::Open(share_directory));
  const ServerCopy on_share(share, {.drive = copy.place.drive,
                                    .package_id = removal.package_id,
                                    .version = copy.version,
                                    .job_id = removal.claim.job_id,
                                    .fence = removal.claim.fence});
  return on_share.Remove([&] {
    task.Touch(parts_.clock.Monotonic());
    return task.IsLost();
  });
}

void RemovalLoop::RetryLater(const ServerClaim& claim, const absl::Status& why) {
  log::Warning("a copy was not removed", {{"job_id", claim.job_id},
                                          {"server_name", claim.server_name},
                                          {"attempt_count", claim.attempt_count},
                                          {"error", why}});
  absl::BitGen random;
  const absl::Status ended =
      parts_.servers
          .Retry(claim, {.reason = model::Reason(model::kServerFailed, why.message()),
                         .delay = clock::BackoffDelay(options_.backoff, claim.attempt_count,
                                                      absl::Uniform<double>(random, 0.0, 1.0))})
          .status();
  if (!ended.ok()) {
    log::Warning("cannot record that a removal waits", {{"error", ended}});
  }
  NotifyEnded();
}

absl::StatusOr<bool> RemovalLoop::ClearSites() {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<SiteRemoval> removals,
                           parts_.store.ListSitesToClear(kSitesPerPass));
  bool all = true;
  for (const SiteRemoval& removal : removals) {
    WAYBILL_ASSIGN_OR_RETURN(const bool cleared, ClearSite(removal));
    all = all && cleared;
  }
  return all;
}

absl::StatusOr<bool> RemovalLoop::ClearSite(const SiteRemoval& removal) {
  if (model::SiteCodeOf(removal.package_id) != options_.site_code) {
    WAYBILL_RETURN_IF_ERROR(parts_.store.DeleteVersions(removal));
    WAYBILL_ASSIGN_OR_RETURN(const bool collected, Collect());
    if (!collected) {
      return false;
    }
  }
  WAYBILL_RETURN_IF_ERROR(parts_.store.PutPackageRemoved(removal));
  log::Info("a package was removed from the site",
            {{"job_id", removal.job_id}, {"package_id", removal.package_id}});
  NotifyEnded();
  return true;
}

// Reads the manifests before it takes the lock, so that no commit waits for that; under the lock
// only what came meanwhile is read.
absl::StatusOr<bool> RemovalLoop::Collect() {
  LiveChunks live;
  WAYBILL_ASSIGN_OR_RETURN(const RemovalStore::Needed before, parts_.store.ListNeeded());
  WAYBILL_ASSIGN_OR_RETURN(bool collected, AddNeeded(before, parts_.content, live));
  if (!collected) {
    return false;
  }
  WAYBILL_RETURN_IF_ERROR(
      parts_.store.WithCollectionLock([&](const RemovalStore::Needed& needed) -> absl::Status {
        WAYBILL_ASSIGN_OR_RETURN(collected, AddNeeded(needed, parts_.content, live));
        return collected ? RemoveDead(live, parts_.content) : absl::OkStatus();
      }));
  return collected;
}

void RemovalLoop::NotifyEnded() const {
  for (const char* channel : {model::kOutboxChannel, model::kJobChannel}) {
    notify_(channel);
  }
}

}  // namespace waybill::despooler
