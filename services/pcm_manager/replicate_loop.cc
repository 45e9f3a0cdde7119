#include "services/pcm_manager/replicate_loop.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/logging/log.h"
#include "common/status/status_macros.h"
#include "common/tree/directory.h"
#include "services/pcm_manager/definition_files.h"
#include "services/pcm_manager/logon_server_loop.h"
#include "services/pcm_manager/pcm_store.h"

namespace waybill::pcm_manager {
namespace {

constexpr char kMasterBox[] = "site.srv/mancfg.box";

}  // namespace

ReplicateLoop::ReplicateLoop(std::string site_directory, MasterFiles& masters, CopyParts parts,
                             const Options& options)
    : site_directory_(std::move(site_directory)),
      masters_(masters),
      parts_(std::move(parts)),
      options_(options),
      loop_("replicate", options_.poll_interval, [this] { return RunOnce(); }) {}

ReplicateLoop::~ReplicateLoop() {
  Stop();
}

void ReplicateLoop::Start() {
  started_ = true;
  for (auto& [name, server] : servers_) {
    server.second->Start();
  }
  loop_.Start();
}

void ReplicateLoop::Stop() {
  loop_.Stop();
  for (auto& [name, server] : servers_) {
    server.second->Stop();
  }
}

absl::StatusOr<absl::Duration> ReplicateLoop::RunOnce() {
  WAYBILL_RETURN_IF_ERROR(UpdateServers());
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<DefinitionPointer> changed, ReadChanged());
  if (!changed.empty()) {
    log::Info("read definition files", {{"files", changed.size()}});
  }
  for (auto& [name, server] : servers_) {
    server.second->Enqueue(changed);
    if (!started_) {
      WAYBILL_RETURN_IF_ERROR(server.second->RunOnce().status());
    }
  }
  return absl::InfiniteDuration();
}

absl::Status ReplicateLoop::UpdateServers() {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<LogonServer> listed, parts_.store.ListLogonServers());
  std::map<std::string, std::pair<LogonServer, std::unique_ptr<LogonServerLoop>>> servers;
  for (const LogonServer& server : listed) {
    const auto known = servers_.find(server.server_name);
    if (known != servers_.end() && known->second.first == server) {
      servers.insert(servers_.extract(known));
      continue;
    }
    auto loop = std::make_unique<LogonServerLoop>(server, parts_, options_.copy);
    if (started_) loop->Start();
    servers.emplace(server.server_name, std::make_pair(server, std::move(loop)));
  }
  servers_ = std::move(servers);
  if (servers_.empty() && !warned_no_server_) {
    log::Warning("the site has no logon server: workstations get no offers until one is put");
    parts_.served.Clear();
  }
  warned_no_server_ = servers_.empty();
  return absl::OkStatus();
}

// The files that are newer than those in memory.
absl::StatusOr<std::vector<DefinitionPointer>> ReplicateLoop::ReadChanged() {
  const absl::Duration monotonic = parts_.clock.Monotonic();
  const bool compare_all =
      !compared_at_.has_value() || monotonic - *compared_at_ >= options_.compare_interval;
  WAYBILL_ASSIGN_OR_RETURN(const PcmStore::Mark mark, parts_.store.ReadMark());
  offset_microseconds_ = absl::ToInt64Microseconds(mark.now - parts_.clock.Now());
  std::vector<DefinitionPointer> changed;
  WAYBILL_RETURN_IF_ERROR(
      ReadRows(compare_all ? absl::InfinitePast() : changes_after_ - kLookBack, changed));
  changes_after_ = mark.changes_after;
  if (compare_all) {
    compared_at_ = monotonic;
    for (auto& [name, server] : servers_) {
      server.second->CompareAll();
    }
  }
  return changed;
}

absl::Status ReplicateLoop::ReadRows(absl::Time since, std::vector<DefinitionPointer>& changed) {
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory site, tree::Directory::Create(site_directory_));
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory box, site.MakeDirectories(kMasterBox));
  const std::map<std::string, WrittenRow> unreadable = unreadable_;
  for (const auto& [sms_id, row] : unreadable) {
    ReadRow(box, row, changed);
  }
  std::string after;
  while (!loop_.IsStopping()) {
    WAYBILL_ASSIGN_OR_RETURN(const std::vector<WrittenRow> rows,
                             parts_.store.ListWritten(since, after, options_.batch_max));
    if (rows.empty()) break;
    for (const WrittenRow& row : rows) {
      if (masters_.VersionOf(row.sms_id) < row.written_version) {
        ReadRow(box, row, changed);
      }
    }
    after = rows.back().sms_id;
  }
  return absl::OkStatus();
}

void ReplicateLoop::ReadRow(const tree::Directory& box, const WrittenRow& row,
                            std::vector<DefinitionPointer>& changed) {
  absl::StatusOr<DefinitionPointer> file = ReadMaster(box, row.domain, row.sms_id);
  if (file.ok() && (*file)->offer_version < row.written_version) {
    file = absl::FailedPreconditionError(absl::StrCat(
        "the file has version ", (*file)->offer_version, ", its row says ", row.written_version));
  }
  if (!file.ok()) {
    ReportUnreadable(row, file.status());
    return;
  }
  unreadable_.erase(row.sms_id);
  if ((*file)->offer_version > row.written_version) {
    // The Despooler has not recorded it yet, nor what it offers: it is in a later pass.
    return;
  }
  if (masters_.Put(*file)) {
    changed.push_back(*std::move(file));
  }
}

void ReplicateLoop::ReportUnreadable(const WrittenRow& row, const absl::Status& status) {
  if (unreadable_.insert_or_assign(row.sms_id, row).second) {
    log::Error("cannot use a definition file of the site",
               {{"sms_id", row.sms_id}, {"domain", row.domain}, {"error", status}});
  }
}

}  // namespace waybill::pcm_manager
