#include "services/despooler/removal_loop.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
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
#include "common/content/pack.h"
#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/channels.h"
#include "common/model/ids.h"
#include "common/model/reasons.h"
#include "common/random/random_fraction.h"
#include "common/random/random_id.h"
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
// Two that agree in that half keep each other's pack, and nothing else. Reading manifests ends with
// CANCELLED when `stop` says so.
class LiveChunks {
 public:
  explicit LiveChunks(std::function<bool()> stop) : stop_(std::move(stop)) {}

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
      if (stop_()) {
        return absl::CancelledError("the collector stops");
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

  const std::function<bool()> stop_;
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

// Returns whether nothing dead is left. The packs first: without them a manifest promises nothing,
// and whoever receives its version again is glad of it.
absl::StatusOr<bool> RemoveDead(const LiveChunks& live, content::ChunkStore& store,
                                absl::FunctionRef<bool()> pause) {
  WAYBILL_ASSIGN_OR_RETURN(
      const content::ChunkStore::Collected collected,
      store.Collect([&](const content::Digest& digest) { return live.Contains(digest); }, pause));
  CollectedBytes().Increment(static_cast<double>(collected.freed_bytes));
  log::Info("collected the store", {{"bytes", collected.freed_bytes}});
  if (!collected.is_complete) {
    return false;
  }
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<content::Digest> versions, store.manifests().List());
  for (const content::Digest& version : versions) {
    if (live.ContainsVersion(version)) {
      continue;
    }
    WAYBILL_RETURN_IF_ERROR(store.manifests().Remove(version));
    if (pause()) {
      return false;
    }
  }
  return true;
}

}  // namespace

RemovalLoop::RemovalLoop(Parts parts, Notify notify, Options options)
    : parts_(parts),
      notify_(std::move(notify)),
      options_(std::move(options)),
      holder_(absl::StrCat("despooler/", RandomId())),
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
  WAYBILL_ASSIGN_OR_RETURN(const absl::Duration collect, CollectIfDue());
  WAYBILL_ASSIGN_OR_RETURN(const absl::Duration due, parts_.servers.UntilNextDue());
  return std::min({due, collect, cleared ? absl::InfiniteDuration() : options_.wait_interval});
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
  if (status.ok() && removal.may_hold_unknown) {
    status = SweepShares(removal, *copies, task);
  }
  if (task.IsLost() || absl::IsCancelled(status)) {
    LetGo(parts_.servers, removal.claim, notify_);
    return;
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
    if (copy.is_later) {
      continue;
    }
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
  WAYBILL_ASSIGN_OR_RETURN(std::vector<std::string> newest_first,
                           parts_.servers.ListVersionNames(removal.package_id));
  const ServerCopy on_share(share, {.drive = copy.place.drive,
                                    .package_id = removal.package_id,
                                    .version = copy.version,
                                    .job_id = removal.claim.job_id,
                                    .fence = removal.claim.fence,
                                    .newest_first = std::move(newest_first)});
  return on_share.Remove(LostOf(task));
}

// As with a copy that the ledger knows, a share that is not there proves nothing.
absl::Status RemovalLoop::SweepShares(const RemovalClaim& removal,
                                      const std::vector<LedgerCopy>& copies,
                                      ServerTask& task) const {
  ShareSweep sweep = {.package_id = removal.package_id,
                      .version = removal.version,
                      .job_id = removal.claim.job_id,
                      .fence = removal.claim.fence};
  WAYBILL_ASSIGN_OR_RETURN(sweep.newest_first, parts_.servers.ListVersionNames(removal.package_id));
  for (const LedgerCopy& copy : copies) {
    if (copy.is_later) {
      sweep.spared.push_back(copy.version);
    }
  }
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<ShareDirectory> shares,
                           parts_.servers.ListShares(removal.claim.server_name));
  for (const ShareDirectory& share : shares) {
    const auto look = [&]() -> absl::StatusOr<int> {
      WAYBILL_ASSIGN_OR_RETURN(const tree::Directory directory,
                               tree::Directory::Open(share.directory));
      sweep.drive = share.drive;
      return SweepShare(directory, sweep, LostOf(task));
    };
    const absl::StatusOr<int> swept = look();
    if (!swept.ok()) {
      return absl::Status(swept.status().code(),
                          absl::StrCat("server ", removal.claim.server_name, ", directory ",
                                       share.directory, ": ", swept.status().message()));
    }
    if (*swept > 0) {
      log::Warning("removed copies that the ledger did not know",
                   {{"job_id", removal.claim.job_id},
                    {"server_name", removal.claim.server_name},
                    {"directory", share.directory},
                    {"copies", *swept}});
    }
  }
  return absl::OkStatus();
}

std::function<bool()> RemovalLoop::LostOf(ServerTask& task) const {
  return [&task, this] {
    task.Touch(parts_.clock.Monotonic());
    return task.IsLost();
  };
}

void RemovalLoop::RetryLater(const ServerClaim& claim, const absl::Status& why) {
  log::Warning("a copy was not removed", {{"job_id", claim.job_id},
                                          {"server_name", claim.server_name},
                                          {"attempt_count", claim.attempt_count},
                                          {"error", why}});
  const absl::Status ended =
      parts_.servers
          .Retry(claim, {.reason = model::Reason(model::kServerFailed, why.message()),
                         .delay = clock::BackoffDelay(options_.backoff, claim.attempt_count,
                                                      RandomFraction())})
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
    WAYBILL_ASSIGN_OR_RETURN(const std::optional<KeptVersion> kept,
                             parts_.store.DeleteVersions(removal));
    if (kept.has_value()) {
      WAYBILL_RETURN_IF_ERROR(parts_.store.PutReason(
          removal,
          model::Reason(model::kVersionOnItsWay,
                        absl::StrCat("a transfer of job ", kept->job_id, " keeps version ",
                                     kept->version, "; the removal goes on when it has ended"))));
      return false;
    }
  }
  WAYBILL_RETURN_IF_ERROR(parts_.store.PutPackageRemoved(removal));
  log::Info("a package was removed from the site",
            {{"job_id", removal.job_id}, {"package_id", removal.package_id}});
  NotifyEnded();
  return true;
}

absl::StatusOr<absl::Duration> RemovalLoop::CollectIfDue() {
  WAYBILL_ASSIGN_OR_RETURN(const std::optional<std::int64_t> fence,
                           parts_.store.TakeCollection(holder_, options_.collect_lease));
  if (!fence.has_value()) {
    return absl::InfiniteDuration();
  }
  const absl::StatusOr<bool> collected = Collect();
  if (collected.ok() && *collected) {
    WAYBILL_RETURN_IF_ERROR(parts_.store.EndCollection(holder_, *fence));
    return absl::InfiniteDuration();
  }
  absl::Duration delay = options_.wait_interval;
  if (absl::IsCancelled(collected.status())) {
    delay = absl::ZeroDuration();  // For the next process.
  } else if (!collected.ok()) {
    log::Error("cannot collect the store: what is dead stays", {{"error", collected.status()}});
    delay = options_.collect_retry_interval;
  }
  WAYBILL_RETURN_IF_ERROR(parts_.store.DelayCollection(holder_, delay));
  return delay;
}

// Reads the manifests before it takes the lock, so that nobody waits for that; under the lock only
// what came meanwhile is read. Step by step: between two of them whoever waits for the lock gets
// it.
absl::StatusOr<bool> RemovalLoop::Collect() {
  LiveChunks live([this] { return loop_.IsStopping(); });
  WAYBILL_ASSIGN_OR_RETURN(const RemovalStore::Needed before, parts_.store.ListNeeded());
  WAYBILL_ASSIGN_OR_RETURN(bool known, AddNeeded(before, parts_.content, live));
  bool done = false;
  while (known && !done) {
    const absl::Duration end = parts_.clock.Monotonic() + options_.collect_step;
    const auto pause = [&] { return loop_.IsStopping() || parts_.clock.Monotonic() >= end; };
    WAYBILL_RETURN_IF_ERROR(
        parts_.store.WithCollectionLock([&](const RemovalStore::Needed& needed) -> absl::Status {
          WAYBILL_ASSIGN_OR_RETURN(known, AddNeeded(needed, parts_.content, live));
          if (known) {
            WAYBILL_ASSIGN_OR_RETURN(done, RemoveDead(live, parts_.content, pause));
          }
          return absl::OkStatus();
        }));
    if (!done && loop_.IsStopping()) {
      return absl::CancelledError("the collector stops");
    }
  }
  return known;
}

void RemovalLoop::NotifyEnded() const {
  for (const char* channel :
       {model::kDefinitionChannel, model::kOutboxChannel, model::kJobChannel}) {
    notify_(channel);
  }
}

}  // namespace waybill::despooler
