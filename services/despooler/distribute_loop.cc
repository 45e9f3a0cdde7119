#include "services/despooler/distribute_loop.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/clock/clock.h"
#include "common/content/chunk_store.h"
#include "common/content/digest.h"
#include "common/content/extract.h"
#include "common/content/manifest.h"
#include "common/content/progress.h"
#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/channels.h"
#include "common/model/reasons.h"
#include "common/random/random_fraction.h"
#include "common/status/status_macros.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "services/despooler/distribute_store.h"
#include "services/despooler/placement.h"
#include "services/despooler/server_copy_files.h"
#include "services/despooler/server_crew_loop.h"
#include "services/despooler/temporary_tree_files.h"

namespace waybill::despooler {
namespace {

struct Counters {
  metrics::CounterFamily trees{"waybill_despooler_trees_total", "Temporary trees built."};
  metrics::CounterFamily bytes{"waybill_despooler_copied_bytes_total",
                               "Plain bytes put on distribution servers."};
  metrics::CounterFamily ends{"waybill_despooler_server_attempts_total",
                              "Attempts to bring a version to a server, by how they ended.",
                              {"result"}};
};

Counters& Count() {
  static Counters& counters = *new Counters;
  return counters;
}

absl::Status InContext(const absl::Status& status, absl::string_view context) {
  // Reasons stand as they are: programs look at how they begin.
  if (status.ok() || absl::StartsWith(status.message(), model::kInsufficientSpace)) {
    return status;
  }
  return absl::Status(status.code(), absl::StrCat(context, ": ", status.message()));
}

std::string ToReason(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    return absl::StartsWith(status.message(), model::kInsufficientSpace)
               ? std::string(status.message())
               : model::Reason(model::kInsufficientSpace, status.message());
  }
  return model::Reason(absl::IsDataLoss(status) ? model::kDataLoss : model::kServerFailed,
                       status.message());
}

// A share of a server, opened and looked at.
struct OpenShare {
  ShareDirectory share;
  tree::Directory directory;
};

struct OpenShares {
  std::vector<OpenShare> shares;
  std::vector<Candidate> candidates;  // As many, in the same order.
};

}  // namespace

/// One version on its way to some servers: what their workers share.
class DistributeLoop::Batch {
 public:
  Batch(const DistributeLoop& loop, CopyBatch batch) : loop_(loop), batch_(std::move(batch)) {}

  /// All the work on one server, its row's end included.
  void Serve(ServerTask& task);

  /// The row of a server that hangs.
  void GiveUp(const ServerClaim& claim);

 private:
  struct Result {
    CopyPlace place;
    std::int64_t plain_bytes = 0;
  };

  content::WorkOptions WorkFor(ServerTask& task) const;
  ServerCopy::Name NameFor(const ServerClaim& claim, const std::string& drive) const;
  std::int64_t NeededBytes() const {
    return TreeBytesNeeded(batch_.plain_bytes, batch_.entry_count);
  }

  absl::StatusOr<Result> Place(ServerTask& task);
  absl::StatusOr<std::optional<CopyPlace>> FindStanding(const ServerClaim& claim);
  absl::StatusOr<OpenShares> LookAtShares(const ServerClaim& claim);
  absl::Status PutOn(ServerTask& task, const OpenShare& share, Candidate candidate);
  absl::Status Copy(ServerTask& task, const ServerCopy& copy, const content::Manifest& manifest);
  absl::StatusOr<content::Manifest> GetManifest() const;

  absl::StatusOr<const TemporaryTree*> Tree(ServerTask& task, const content::Manifest& manifest);
  bool AwaitTree(ServerTask& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::unique_ptr<TemporaryTree>> BuildTree(ServerTask& task,
                                                           const content::Manifest& manifest);

  void End(const ServerTask& task, const absl::StatusOr<Result>& result);
  absl::Status EndBadly(const ServerClaim& claim, const absl::Status& why);

  const DistributeLoop& loop_;
  const CopyBatch batch_;

  Mutex mutex_;
  CondVar changed_;
  bool building_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration build_touched_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::StatusOr<std::unique_ptr<TemporaryTree>>> tree_ ABSL_GUARDED_BY(mutex_);
};

void DistributeLoop::Batch::Serve(ServerTask& task) {
  const absl::StatusOr<Result> result = Place(task);
  End(task, result);
}

content::WorkOptions DistributeLoop::Batch::WorkFor(ServerTask& task) const {
  content::WorkOptions work;
  work.threads = loop_.options_.tree_threads;
  work.cancelled = [&task, &clock = loop_.parts_.clock] {
    task.Touch(clock.Monotonic());
    return task.IsLost();
  };
  return work;
}

ServerCopy::Name DistributeLoop::Batch::NameFor(const ServerClaim& claim,
                                                const std::string& drive) const {
  return {.drive = drive,
          .package_id = batch_.package_id,
          .version = batch_.version,
          .job_id = claim.job_id,
          .fence = claim.fence};
}

absl::StatusOr<DistributeLoop::Batch::Result> DistributeLoop::Batch::Place(ServerTask& task) {
  WAYBILL_ASSIGN_OR_RETURN(const std::optional<CopyPlace> standing, FindStanding(task.claim));
  if (standing.has_value()) {
    return Result{.place = *standing, .plain_bytes = batch_.plain_bytes};
  }
  if (!batch_.version_at_site) {
    return absl::FailedPreconditionError(
        model::Reason(model::kVersionNotAtSite,
                      absl::StrCat("the site no longer holds version ", batch_.version.ToHex(),
                                   " of package ", batch_.package_id)));
  }
  WAYBILL_ASSIGN_OR_RETURN(const OpenShares open, LookAtShares(task.claim));
  const std::string on_server = absl::StrCat("server ", task.claim.server_name);
  WAYBILL_ASSIGN_OR_RETURN(
      const std::size_t chosen,
      ChoosePlace(open.candidates, NeededBytes(), loop_.drives_.reserve_bytes, on_server));
  const OpenShare& share = open.shares[chosen];
  WAYBILL_RETURN_IF_ERROR(
      InContext(PutOn(task, share, open.candidates[chosen]),
                absl::StrCat(on_server, ", directory ", share.share.directory)));
  return Result{.place = {.drive = share.share.drive,
                          .directory = VersionDirectory(share.share.directory, share.share.drive,
                                                        batch_.package_id, batch_.version)},
                .plain_bytes = batch_.plain_bytes};
}

// The ledger says where, the disk says whether. A directory that cannot be looked at is no answer:
// the shares as they are configured now are.
absl::StatusOr<std::optional<CopyPlace>> DistributeLoop::Batch::FindStanding(
    const ServerClaim& claim) {
  WAYBILL_ASSIGN_OR_RETURN(
      std::optional<CopyPlace> place,
      loop_.parts_.store.FindLocation(claim.server_name, batch_.package_id, batch_.version));
  if (!place.has_value()) {
    return place;
  }
  const absl::StatusOr<std::string> share_directory =
      ShareDirectoryOf(place->directory, place->drive, batch_.package_id, batch_.version);
  if (!share_directory.ok()) {
    return std::optional<CopyPlace>();
  }
  const absl::StatusOr<tree::Directory> share = tree::Directory::Open(*share_directory);
  if (!share.ok()) {
    return std::optional<CopyPlace>();
  }
  const absl::StatusOr<bool> stands = ServerCopy(*share, NameFor(claim, place->drive)).Stands();
  return stands.ok() && *stands ? place : std::optional<CopyPlace>();
}

absl::StatusOr<OpenShares> DistributeLoop::Batch::LookAtShares(const ServerClaim& claim) {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<ShareDirectory> shares,
                           loop_.parts_.store.ListShares(claim.server_name));
  OpenShares open;
  absl::Status error = absl::NotFoundError(
      absl::StrCat("server ", claim.server_name, " has no SMS_PKG share at this site"));
  for (const ShareDirectory& share : shares) {
    // A share's directory is never made here: a missing one is a mount that is gone.
    const auto look = [&]() -> absl::Status {
      WAYBILL_ASSIGN_OR_RETURN(tree::Directory directory, tree::Directory::Open(share.directory));
      WAYBILL_ASSIGN_OR_RETURN(const tree::SpaceInfo space, loop_.drives_.measure_space(directory));
      const ServerCopy copy(directory, NameFor(claim, share.drive));
      WAYBILL_ASSIGN_OR_RETURN(const bool holds_version, copy.HoldsVersion());
      WAYBILL_ASSIGN_OR_RETURN(const bool holds_package, copy.HoldsPackage());
      open.candidates.push_back({.free_bytes = space.free_bytes,
                                 .holds_version = holds_version,
                                 .holds_package = holds_package});
      open.shares.push_back({.share = share, .directory = std::move(directory)});
      return absl::OkStatus();
    };
    const absl::Status looked = look();
    if (!looked.ok()) {
      error = InContext(
          looked, absl::StrCat("server ", claim.server_name, ", directory ", share.directory));
    }
  }
  if (open.shares.empty()) {
    return error;
  }
  return open;
}

absl::StatusOr<content::Manifest> DistributeLoop::Batch::GetManifest() const {
  const absl::StatusOr<content::Manifest> manifest =
      loop_.parts_.content.manifests().Get(batch_.version);
  if (absl::IsNotFound(manifest.status())) {
    return absl::DataLossError(
        absl::StrCat("the store has no manifest of version ", batch_.version.ToHex()));
  }
  WAYBILL_RETURN_IF_ERROR(manifest.status());
  WAYBILL_ASSIGN_OR_RETURN(const content::Digest digest, DigestOf(*manifest));
  if (digest != batch_.version) {
    return absl::DataLossError(absl::StrCat("the store's manifest of version ",
                                            batch_.version.ToHex(), " has other bytes"));
  }
  return manifest;
}

absl::Status DistributeLoop::Batch::PutOn(ServerTask& task, const OpenShare& share,
                                          Candidate candidate) {
  WAYBILL_ASSIGN_OR_RETURN(const content::Manifest manifest, GetManifest());
  ServerCopy::Name name = NameFor(task.claim, share.share.drive);
  WAYBILL_ASSIGN_OR_RETURN(name.newest_first,
                           loop_.parts_.store.ListVersionNames(batch_.package_id));
  const ServerCopy copy(share.directory, std::move(name));
  if (candidate.holds_version) {
    const absl::Status verified = copy.Verify(manifest, WorkFor(task));
    if (verified.ok()) {
      log::Info("adopted a copy that stood", {{"job_id", task.claim.job_id},
                                              {"server_name", task.claim.server_name},
                                              {"directory", share.share.directory}});
      return copy.Adopt(manifest);
    }
    if (!absl::IsDataLoss(verified)) {
      return verified;
    }
    log::Warning("a copy is damaged and is rebuilt", {{"job_id", task.claim.job_id},
                                                      {"server_name", task.claim.server_name},
                                                      {"error", verified}});
    candidate.holds_version = false;  // The new one stands beside it for a while.
    WAYBILL_RETURN_IF_ERROR(ChoosePlace({candidate}, NeededBytes(), loop_.drives_.reserve_bytes,
                                        absl::StrCat("server ", task.claim.server_name))
                                .status());
  }
  return Copy(task, copy, manifest);
}

absl::Status DistributeLoop::Batch::Copy(ServerTask& task, const ServerCopy& copy,
                                         const content::Manifest& manifest) {
  WAYBILL_ASSIGN_OR_RETURN(const TemporaryTree* const tree, Tree(task, manifest));
  // Once more with the database: a process that was stopped for long does not know it yet. With a
  // whole lease ahead, so that nobody looks at the share between this and the rename.
  const auto still_ours = [&]() -> absl::Status {
    WAYBILL_ASSIGN_OR_RETURN(const std::vector<bool> ours,
                             loop_.parts_.store.Keep({task.claim}, loop_.options_.crew.lease));
    return ours[0] && !task.IsLost() ? absl::OkStatus() : absl::CancelledError("no longer ours");
  };
  const absl::Duration start = loop_.parts_.clock.Monotonic();
  WAYBILL_ASSIGN_OR_RETURN(const content::BuildResult built,
                           copy.Publish(manifest, tree->directory(), still_ours, WorkFor(task)));
  Count().bytes.With().Increment(static_cast<double>(built.totals.plain_bytes));
  log::Info("copied to a server", {{"job_id", task.claim.job_id},
                                   {"server_name", task.claim.server_name},
                                   {"version", batch_.version.ToHex()},
                                   {"plain_bytes", built.totals.plain_bytes},
                                   {"files", built.totals.file_count},
                                   {"cloned_files", built.cloned_files},
                                   {"duration", loop_.parts_.clock.Monotonic() - start}});
  return absl::OkStatus();
}

// The first worker that needs the tree builds it, the others wait. One whose own task is lost while
// it builds leaves that to the next.
absl::StatusOr<const TemporaryTree*> DistributeLoop::Batch::Tree(
    ServerTask& task, const content::Manifest& manifest) {
  {
    const MutexLock lock(mutex_);
    if (!AwaitTree(task)) {
      return absl::CancelledError("stopped while the temporary tree was built");
    }
    if (tree_.has_value()) {
      WAYBILL_RETURN_IF_ERROR(tree_->status());
      return (*tree_)->get();
    }
    building_ = true;
    build_touched_ = loop_.parts_.clock.Monotonic();
  }
  absl::StatusOr<std::unique_ptr<TemporaryTree>> built = BuildTree(task, manifest);
  const MutexLock lock(mutex_);
  building_ = false;
  changed_.NotifyAll();
  if (absl::IsCancelled(built.status())) {
    return built.status();
  }
  tree_ = std::move(built);
  WAYBILL_RETURN_IF_ERROR(tree_->status());
  return (*tree_)->get();
}

bool DistributeLoop::Batch::AwaitTree(ServerTask& task) {
  while (building_ && !tree_.has_value()) {
    if (task.IsLost()) {
      return false;
    }
    task.Touch(build_touched_);  // Stuck together with the builder, and not sooner.
    changed_.WaitFor(mutex_, absl::Milliseconds(100));
  }
  return !task.IsLost();
}

absl::StatusOr<std::unique_ptr<TemporaryTree>> DistributeLoop::Batch::BuildTree(
    ServerTask& task, const content::Manifest& manifest) {
  content::WorkOptions work = WorkFor(task);
  work.progress = [this](const content::Progress& /*progress*/) {
    const MutexLock lock(mutex_);
    build_touched_ = loop_.parts_.clock.Monotonic();
  };
  absl::StatusOr<std::unique_ptr<TemporaryTree>> tree =
      BuildTemporaryTree(loop_.drives_, manifest, loop_.parts_.content, NeededBytes(), work);
  if (absl::IsNotFound(tree.status())) {
    return absl::DataLossError(tree.status().message());  // A chunk that the store should hold.
  }
  if (tree.ok()) {
    Count().trees.With().Increment();
  }
  return tree;
}

void DistributeLoop::Batch::End(const ServerTask& task, const absl::StatusOr<Result>& result) {
  if (!result.ok() && (task.IsLost() || absl::IsCancelled(result.status()))) {
    // Whoever took it away has said what becomes of it.
    LetGo(loop_.parts_.store, task.claim, loop_.notify_);
    return;
  }
  const absl::Status ended =
      result.ok()
          ? loop_.parts_.store.CompleteCopy(task.claim, batch_, result->place, result->plain_bytes)
          : EndBadly(task.claim, result.status());
  if (!ended.ok()) {
    log::Warning(
        "cannot record how a copy ended",
        {{"job_id", task.claim.job_id}, {"server_name", task.claim.server_name}, {"error", ended}});
    if (absl::IsFailedPrecondition(ended)) {
      LetGo(loop_.parts_.store, task.claim, loop_.notify_);
    }
    return;
  }
  Count().ends.With({result.ok() ? "present" : "failed"}).Increment();
  for (const char* channel :
       {model::kDefinitionChannel, model::kOutboxChannel, model::kJobChannel}) {
    loop_.notify_(channel);
  }
}

absl::Status DistributeLoop::Batch::EndBadly(const ServerClaim& claim, const absl::Status& why) {
  log::Warning("a server did not get its copy", {{"job_id", claim.job_id},
                                                 {"server_name", claim.server_name},
                                                 {"attempt_count", claim.attempt_count},
                                                 {"error", why}});
  if (absl::StartsWith(why.message(), model::kVersionNotAtSite)) {
    return loop_.parts_.store.Fail(claim, std::string(why.message()));
  }
  const bool is_space = absl::IsResourceExhausted(why);
  const absl::Duration backoff =
      clock::BackoffDelay(loop_.options_.backoff, claim.attempt_count, RandomFraction());
  return loop_.parts_.store
      .Retry(claim, {.reason = ToReason(why),
                     .delay = is_space ? loop_.options_.space_retry_interval : backoff,
                     .reset_attempts = is_space})
      .status();
}

void DistributeLoop::Batch::GiveUp(const ServerClaim& claim) {
  const absl::Status ended = EndBadly(
      claim, absl::UnavailableError(absl::StrCat("server ", claim.server_name,
                                                 " does not answer; its worker was abandoned")));
  if (!ended.ok()) {
    log::Warning("cannot record that a server hangs", {{"error", ended}});
  }
}

DistributeLoop::DistributeLoop(Parts parts, SiteDrives drives, Notify notify, Options options)
    : parts_(parts),
      drives_(std::move(drives)),
      notify_(std::move(notify)),
      options_(std::move(options)),
      loop_("distribute", options_.poll_interval, [this] { return RunOnce(); }),
      crew_(parts_.store, parts_.clock, options_.crew, [this] { loop_.Wake(); }) {}

DistributeLoop::~DistributeLoop() {
  loop_.Stop();
}

void DistributeLoop::Start() {
  crew_.Start();
  loop_.Start();
}

bool DistributeLoop::Stop(absl::Duration limit) {
  loop_.Stop();
  return crew_.Stop(limit);
}

absl::Status DistributeLoop::SweepDrives() {
  for (const std::string& path : drives_.directories) {
    WAYBILL_ASSIGN_OR_RETURN(const tree::Directory drive, tree::Directory::Open(path));
    WAYBILL_RETURN_IF_ERROR(SweepTemporaryTrees(drive));
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> DistributeLoop::RunOnce() {
  if (!swept_) {
    const absl::Status status = SweepDrives();
    if (!status.ok()) {  // A drive that is away: its trees are swept by a later start.
      log::Warning("cannot look for old temporary trees", {{"error", status}});
    }
    swept_ = true;
  }
  while (crew_.HasRoom() && !loop_.IsStopping()) {
    WAYBILL_ASSIGN_OR_RETURN(std::optional<CopyBatch> batch,
                             parts_.store.ClaimCopies(options_.crew.lease, options_.claims_max));
    if (!batch.has_value()) {
      break;
    }
    Begin(*std::move(batch));
  }
  return parts_.store.UntilNextDue();
}

void DistributeLoop::Begin(CopyBatch batch) {
  log::Info("servers wait for a version", {{"package_id", batch.package_id},
                                           {"version", batch.version.ToHex()},
                                           {"servers", batch.claims.size()}});
  const std::vector<ServerClaim> claims = batch.claims;
  const auto shared = std::make_shared<Batch>(*this, std::move(batch));
  crew_.Submit(
      claims, [shared](ServerTask& task) { shared->Serve(task); },
      [shared](const ServerClaim& claim) { shared->GiveUp(claim); });
}

}  // namespace waybill::despooler
