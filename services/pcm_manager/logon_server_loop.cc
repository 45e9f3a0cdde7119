#include "services/pcm_manager/logon_server_loop.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/channels.h"
#include "common/model/definition_file.h"
#include "common/status/status_macros.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "services/pcm_manager/definition_files.h"
#include "services/pcm_manager/pcm_store.h"

namespace waybill::pcm_manager {
namespace {

constexpr char kBox[] = "logon.srv/pcmins.box";

prometheus::Counter& CopiedFiles() {
  static metrics::CounterFamily& family =
      *new metrics::CounterFamily("waybill_pcm_manager_definitions_copied_total",
                                  "PCM definition files copied to logon servers.");
  return family.With();
}

// The version of the file that stands; 0 if there is none or it is broken: anything is newer.
absl::StatusOr<std::int64_t> StandingVersion(const tree::Directory& box, const std::string& name,
                                             const std::string& sms_id) {
  const absl::StatusOr<std::string> bytes = box.ReadFile(name, model::kDefinitionBytesMax);
  if (absl::IsNotFound(bytes.status()) || absl::IsResourceExhausted(bytes.status()) ||
      absl::IsFailedPrecondition(bytes.status())) {  // A link or a directory of that name.
    return 0;
  }
  WAYBILL_RETURN_IF_ERROR(bytes.status());
  const absl::StatusOr<model::DefinitionHead> head = model::DecodeHead(*bytes);
  return head.ok() && head->sms_id == sms_id ? head->offer_version : 0;
}

// Of writers that died.
absl::Status RemoveTemporaries(const tree::Directory& box) {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<tree::Entry> entries, box.List());
  for (const tree::Entry& entry : entries) {
    if (absl::StartsWith(entry.name, tree::kTemporaryPrefix)) {
      WAYBILL_RETURN_IF_ERROR(box.Remove(entry.name));
    }
  }
  return absl::OkStatus();
}

}  // namespace

LogonServerLoop::LogonServerLoop(LogonServer server, CopyParts parts, const Options& options)
    : server_(std::move(server)),
      parts_(std::move(parts)),
      options_(options),
      loop_(absl::StrCat("copy ", server_.server_name), options_.interval,
            [this] { return RunOnce(); }) {}

void LogonServerLoop::Enqueue(const std::vector<DefinitionPointer>& files) {
  {
    const MutexLock lock(mutex_);
    for (const DefinitionPointer& file : files) {
      pending_[file->sms_id] = file;
    }
  }
  loop_.Wake();
}

void LogonServerLoop::CompareAll() {
  {
    const MutexLock lock(mutex_);
    compare_all_ = true;
  }
  loop_.Wake();
}

absl::StatusOr<absl::Duration> LogonServerLoop::RunOnce() {
  const absl::Duration now = parts_.clock.Monotonic();
  if (failures_ > 0 && now < retry_at_) {
    return retry_at_ - now;
  }
  const absl::Status status = CopyPending();
  ReportHealth(status);
  if (status.ok()) {
    failures_ = 0;
    return absl::InfiniteDuration();
  }
  ++failures_;
  const absl::Duration wait = clock::BackoffDelay(options_.retry, failures_, parts_.random());
  retry_at_ = parts_.clock.Monotonic() + wait;
  return wait;
}

// Takes what is pending only once the directory is open, so that nothing is lost while it is away.
absl::Status LogonServerLoop::CopyPending() {
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory box, OpenBox());
  Pending pending = TakePending();
  const absl::Status status = CopyAll(box, pending);
  PutBack(std::move(pending));
  return status;
}

absl::StatusOr<tree::Directory> LogonServerLoop::OpenBox() {
  // The directory itself is not ours to make: its absence says that a share is not mounted.
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory root, tree::Directory::Open(server_.directory));
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory box, root.MakeDirectories(kBox));
  WAYBILL_ASSIGN_OR_RETURN(const tree::FileInfo info, box.Stat());
  const std::pair<std::uint64_t, std::uint64_t> identity = {info.device, info.inode};
  if (identity != box_identity_) {
    WAYBILL_RETURN_IF_ERROR(RemoveTemporaries(box));
    const MutexLock lock(mutex_);
    compare_all_ = true;
    box_identity_ = identity;
  }
  return box;
}

LogonServerLoop::Pending LogonServerLoop::TakePending() {
  bool compare_all = false;
  Pending taken;
  {
    const MutexLock lock(mutex_);
    compare_all = std::exchange(compare_all_, false);
    taken = std::exchange(pending_, Pending());
  }
  if (compare_all) {
    for (DefinitionPointer& file : parts_.masters.All()) {
      const std::string& sms_id = file->sms_id;
      taken[sms_id] = std::move(file);
    }
  }
  return taken;
}

void LogonServerLoop::PutBack(Pending pending) {
  const MutexLock lock(mutex_);
  for (auto& [sms_id, file] : pending) {
    pending_.try_emplace(sms_id, std::move(file));  // A newer one may have come meanwhile.
  }
}

// Leaves in `pending` what could not be copied.
absl::Status LogonServerLoop::CopyAll(const tree::Directory& box, Pending& pending) {
  std::vector<SeenVersion> newer;
  std::vector<std::string> done;
  absl::Status status;
  for (const auto& [sms_id, file] : pending) {
    if (loop_.IsStopping()) break;
    const std::string name = absl::StrCat(sms_id, ".ins");
    const absl::StatusOr<std::int64_t> standing = StandingVersion(box, name, sms_id);
    status = standing.status();
    if (status.ok() && *standing < file->offer_version) {
      status = box.WriteFile(name, file->bytes, {.mode = 0644, .durable = false});
      if (status.ok()) CopiedFiles().Increment();
    }
    if (!status.ok()) break;
    if (*standing > file->offer_version) {
      newer.push_back({.sms_id = sms_id, .offer_version = *standing});
    } else {
      parts_.served.Put(file);
    }
    done.push_back(sms_id);
  }
  for (const std::string& sms_id : done) {
    pending.erase(sms_id);
  }
  const absl::Status reported = ReportNewer(std::move(newer));
  return status.ok() ? reported : status;
}

absl::Status LogonServerLoop::ReportNewer(std::vector<SeenVersion> newer) {
  if (newer.empty()) {
    return absl::OkStatus();
  }
  log::Warning("files of a logon server are newer than the database",
               {{"server_name", server_.server_name}, {"files", newer.size()}});
  WAYBILL_ASSIGN_OR_RETURN(const std::int64_t overtaken, parts_.store.Overtake(newer));
  if (overtaken > 0) {
    parts_.notify(model::kDefinitionChannel);
  }
  return absl::OkStatus();
}

void LogonServerLoop::ReportHealth(const absl::Status& status) {
  if (status == health_) {
    return;  // A server that is away for days fills no log.
  }
  health_ = status;
  if (status.ok()) {
    log::Info("logon server is served again", {{"server_name", server_.server_name}});
  } else {
    log::Warning("cannot copy definition files to a logon server",
                 {{"server_name", server_.server_name},
                  {"directory", server_.directory},
                  {"error", status}});
  }
}

}  // namespace waybill::pcm_manager
