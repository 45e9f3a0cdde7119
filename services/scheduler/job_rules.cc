#include "services/scheduler/job_rules.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <google/protobuf/timestamp.pb.h>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/model/ids.h"
#include "common/model/machine_path.h"
#include "common/model/proto_time.h"
#include "common/model/reasons.h"
#include "common/status/status_macros.h"

#include "waybill/job/v1/job.pb.h"

namespace waybill::scheduler {
namespace {

using job::v1::JobSpec;
using job::v1::Target;

constexpr int kVersionDigits = 64;

// Why a workstation failed when its row does not say it in a word of its own.
constexpr char kRunFailed[] = "RUN_FAILED";

absl::Status CheckVersion(const std::string& version) {
  const bool is_hex = absl::c_all_of(
      version, [](unsigned char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); });
  const bool fits = version.size() >= kVersionDigitsMin && version.size() <= kVersionDigits;
  if (!version.empty() && !(is_hex && fits)) {
    return absl::InvalidArgumentError(
        absl::StrCat("spec.version: expected ", kVersionDigitsMin, " to ", kVersionDigits,
                     " digits of 0-9 a-f, or nothing for the newest"));
  }
  return absl::OkStatus();
}

template <typename Enum>
absl::Status CheckEnum(absl::string_view field, bool is_valid, Enum value) {
  return is_valid ? absl::OkStatus()
                  : absl::InvalidArgumentError(absl::StrCat(field, ": ", static_cast<int>(value),
                                                            " is not one of its values"));
}

absl::Status CheckForms(const JobSpec& spec) {
  WAYBILL_RETURN_IF_ERROR(CheckEnum(
      "spec.type", job::v1::JobType_IsValid(spec.type()) && spec.type() != 0, spec.type()));
  WAYBILL_RETURN_IF_ERROR(
      CheckEnum("spec.priority", job::v1::Priority_IsValid(spec.priority()), spec.priority()));
  WAYBILL_RETURN_IF_ERROR(CheckEnum(
      "spec.send_phase", job::v1::SendPhase_IsValid(spec.send_phase()), spec.send_phase()));
  WAYBILL_RETURN_IF_ERROR(model::CheckText("spec.comment", spec.comment(), kCommentBytesMax));
  WAYBILL_RETURN_IF_ERROR(model::CheckPackageId("spec.package_id", spec.package_id()));
  WAYBILL_RETURN_IF_ERROR(CheckVersion(spec.version()));
  const job::v1::DistributePhase& distribute = spec.distribute_phase();
  if (!distribute.server_group().empty()) {
    WAYBILL_RETURN_IF_ERROR(
        model::CheckDisplayName("spec.distribute_phase.server_group", distribute.server_group()));
    if (!distribute.put_on_specified()) {
      return absl::InvalidArgumentError(
          "spec.distribute_phase.server_group: is used only with put_on_specified; set that too");
    }
  }
  if (spec.has_run_phase()) {
    WAYBILL_RETURN_IF_ERROR(
        model::CheckDisplayName("spec.run_phase.command", spec.run_phase().command()));
    if (spec.run_phase().never_expires() && spec.run_phase().has_expires_after()) {
      return absl::InvalidArgumentError(
          "spec.run_phase.expires_after: give it or never_expires, not both");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSites(const job::v1::SiteList& sites) {
  if (sites.site_codes().empty()) {
    return absl::InvalidArgumentError("spec.target.sites: name at least one site, or \"*\"");
  }
  for (const std::string& site_code : sites.site_codes()) {
    if (site_code == "*") {
      if (sites.site_codes_size() > 1) {
        return absl::InvalidArgumentError("spec.target.sites: \"*\" stands alone");
      }
      continue;
    }
    WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("spec.target.sites", site_code));
  }
  return absl::OkStatus();
}

absl::Status CheckTargetForm(const Target& target) {
  switch (target.kind_case()) {
    case Target::kWorkstations:
      if (target.workstations().sms_ids().empty()) {
        return absl::InvalidArgumentError("spec.target.workstations: name at least one");
      }
      for (const std::string& sms_id : target.workstations().sms_ids()) {
        WAYBILL_RETURN_IF_ERROR(model::CheckSmsId("spec.target.workstations", sms_id));
      }
      return absl::OkStatus();
    case Target::kMachineGroup:
      return model::CheckDisplayName("spec.target.machine_group", target.machine_group());
    case Target::kMachinePath:
      return model::ParseMachinePath("spec.target.machine_path", target.machine_path()).status();
    case Target::kSites:
      return CheckSites(target.sites());
    case Target::KIND_NOT_SET:
      break;
  }
  return absl::OkStatus();
}

absl::Status CheckRun(const JobSpec& spec) {
  if (!spec.has_run_phase()) {
    return absl::FailedPreconditionError(
        "spec.run_phase: a Run Command job needs it; to only place the package on servers, submit "
        "a Share Package job");
  }
  const Target::KindCase kind = spec.target().kind_case();
  if (kind == Target::KIND_NOT_SET || kind == Target::kSites) {
    return absl::InvalidArgumentError(
        "spec.target: a Run Command job needs workstations, machine_group or machine_path");
  }
  return absl::OkStatus();
}

absl::Status CheckShare(const JobSpec& spec) {
  if (spec.has_run_phase()) {
    return absl::FailedPreconditionError(
        "spec.run_phase: a Share Package job runs nothing; submit a Run Command job");
  }
  const job::v1::DistributePhase& distribute = spec.distribute_phase();
  if (spec.send_phase() == job::v1::SEND_PHASE_OFF && !distribute.refresh_existing() &&
      !distribute.put_on_specified()) {
    return absl::FailedPreconditionError(
        "spec: this job would do nothing: it neither sends, nor distributes, nor runs; turn a "
        "phase on");
  }
  const Target& target = spec.target();
  if (target.kind_case() == Target::kMachinePath) {
    WAYBILL_ASSIGN_OR_RETURN(
        const model::MachinePath path,
        model::ParseMachinePath("spec.target.machine_path", target.machine_path()));
    if (!path.domain.has_value() && !path.host_name.has_value()) {
      return absl::OkStatus();
    }
  }
  if (target.kind_case() != Target::kSites) {
    return absl::InvalidArgumentError(
        "spec.target: a Share Package job needs sites, or a machine_path of the form \"site|*|*\"");
  }
  return absl::OkStatus();
}

absl::Status CheckRemove(const JobSpec& spec) {
  if (spec.has_run_phase() || spec.distribute_phase().refresh_existing() ||
      spec.distribute_phase().put_on_specified()) {
    return absl::FailedPreconditionError(
        "spec: a Remove Package job has neither a Distribute nor a Run phase; leave them out");
  }
  if (spec.send_phase() != job::v1::SEND_PHASE_UNSPECIFIED &&
      spec.send_phase() != job::v1::SEND_PHASE_IF_NOT_SENT) {
    return absl::FailedPreconditionError(
        "spec.send_phase: a Remove Package job sends no package; leave it out");
  }
  const Target::KindCase kind = spec.target().kind_case();
  if (kind != Target::KIND_NOT_SET && kind != Target::kSites) {
    return absl::InvalidArgumentError(
        "spec.target: a Remove Package job takes sites, or nothing for every site that holds the "
        "package");
  }
  return absl::OkStatus();
}

// The time in `proto`, or `if_absent` if it is null.
absl::StatusOr<absl::Time> ReadTime(absl::string_view field,
                                    const google::protobuf::Timestamp* proto,
                                    absl::Time if_absent) {
  return proto == nullptr ? absl::StatusOr<absl::Time>(if_absent) : model::FromProto(field, *proto);
}

absl::Status OutOfOrder(absl::string_view field, absl::string_view other) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": must be later than ", other));
}

absl::Status FillRunDates(absl::Time now, job::v1::RunPhase& run) {
  WAYBILL_ASSIGN_OR_RETURN(const absl::Time offer_asked,
                           ReadTime("spec.run_phase.offer_after",
                                    run.has_offer_after() ? &run.offer_after() : nullptr, now));
  const bool offer_is_given = run.has_offer_after();
  const absl::Time offer_after = std::max(offer_asked, now);
  absl::Time first_end = offer_after;
  *run.mutable_offer_after() = model::ToProto(offer_after);
  if (run.has_mandatory_after()) {
    WAYBILL_ASSIGN_OR_RETURN(
        const absl::Time mandatory_after,
        model::FromProto("spec.run_phase.mandatory_after", run.mandatory_after()));
    // "At once" by the caller's clock is a moment before our now, and means at once.
    if (offer_is_given && mandatory_after < offer_asked) {
      return absl::InvalidArgumentError(
          "spec.run_phase.mandatory_after: must not be before offer_after");
    }
    first_end = std::max(offer_after, mandatory_after);
    *run.mutable_mandatory_after() = model::ToProto(mandatory_after);
  }
  if (run.never_expires()) {
    return absl::OkStatus();
  }
  WAYBILL_ASSIGN_OR_RETURN(const absl::Time expires_after,
                           ReadTime("spec.run_phase.expires_after",
                                    run.has_expires_after() ? &run.expires_after() : nullptr,
                                    first_end + kDefaultExpiry));
  *run.mutable_expires_after() = model::ToProto(expires_after);
  return expires_after > first_end
             ? absl::OkStatus()
             : OutOfOrder("spec.run_phase.expires_after", "offer_after, mandatory_after and now");
}

struct Failure {
  std::int64_t count;
  absl::string_view noun;
  absl::string_view sample;  // "<site>: <reason>"
  absl::string_view default_word;
};

std::string Counted(std::int64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

// The word that a reason begins with, or nothing.
absl::string_view WordOf(absl::string_view reason) {
  const absl::string_view word = reason.substr(0, reason.find(':'));
  const bool is_word =
      word.size() < reason.size() && !word.empty() &&
      absl::c_all_of(word, [](unsigned char c) { return absl::ascii_isupper(c) || c == '_'; });
  return is_word ? word : absl::string_view();
}

// One edge's "<site>: <reason>", taken apart.
struct Sample {
  absl::string_view site_code;
  absl::string_view word;
  absl::string_view text;
};

Sample TakeApart(absl::string_view sample, absl::string_view default_word) {
  const std::vector<absl::string_view> parts = absl::StrSplit(sample, absl::MaxSplits(": ", 1));
  const absl::string_view reason = parts.size() == 2 ? parts[1] : absl::string_view();
  const absl::string_view word = WordOf(reason);
  return {
      parts[0], word.empty() ? default_word : word,
      word.empty() ? reason : absl::StripLeadingAsciiWhitespace(reason.substr(word.size() + 1))};
}

std::string DescribeFailures(const JobEdges& edges) {
  const Failure failures[] = {
      {edges.sites_failed, "site", edges.site_failure, model::kRefused},
      {edges.servers_failed, "server", edges.server_failure, model::kServerFailed},
      {edges.targets_failed, "workstation", edges.target_failure, kRunFailed}};
  std::vector<std::string> counts;
  std::optional<Sample> first;
  for (const Failure& failure : failures) {
    if (failure.count > 0) {
      counts.push_back(Counted(failure.count, failure.noun));
      first = first.has_value() ? first : TakeApart(failure.sample, failure.default_word);
    }
  }
  return model::Reason(first->word, absl::StrCat(absl::StrJoin(counts, ", "), " failed; first at ",
                                                 first->site_code, ": ", first->text));
}

std::string DescribeWait(const JobEdges& edges) {
  const Sample sample = edges.sites_retrying > 0
                            ? TakeApart(edges.site_wait, model::kUnreachable)
                            : TakeApart(edges.server_wait, model::kServerFailed);
  return model::Reason(sample.word, absl::StrCat("at ", sample.site_code, ": ", sample.text));
}

JobSummary SummarizeCancelled(const JobEdges& edges) {
  const std::int64_t open = edges.sites_unconfirmed + edges.servers_open + edges.targets_open;
  return {
      open + edges.cancels_open == 0 ? job::v1::JOB_STATE_CANCELLED : job::v1::JOB_STATE_CANCELLING,
      edges.reason};
}

}  // namespace

absl::Status CheckSpec(const JobSpec& spec) {
  WAYBILL_RETURN_IF_ERROR(CheckForms(spec));
  WAYBILL_RETURN_IF_ERROR(CheckTargetForm(spec.target()));
  switch (spec.type()) {
    case job::v1::JOB_TYPE_RUN_COMMAND:
      return CheckRun(spec);
    case job::v1::JOB_TYPE_SHARE_PACKAGE:
      return CheckShare(spec);
    default:
      return CheckRemove(spec);
  }
}

absl::Status FillDefaults(absl::Time now, JobSpec& spec) {
  if (spec.priority() == job::v1::PRIORITY_UNSPECIFIED) {
    spec.set_priority(job::v1::PRIORITY_MEDIUM);
  }
  if (spec.send_phase() == job::v1::SEND_PHASE_UNSPECIFIED) {
    spec.set_send_phase(job::v1::SEND_PHASE_IF_NOT_SENT);
  }
  WAYBILL_ASSIGN_OR_RETURN(
      const absl::Time start_after,
      ReadTime("spec.start_after", spec.has_start_after() ? &spec.start_after() : nullptr, now));
  // A start in the past means at once, so that the deadline counts from when work can begin.
  const absl::Time begin = std::max(start_after, now);
  WAYBILL_ASSIGN_OR_RETURN(
      const absl::Time deadline,
      ReadTime("spec.deadline", spec.has_deadline() ? &spec.deadline() : nullptr,
               begin + kDefaultDeadline));
  *spec.mutable_start_after() = model::ToProto(start_after);
  *spec.mutable_deadline() = model::ToProto(deadline);
  if (deadline <= begin) {
    return OutOfOrder("spec.deadline", "start_after and now");
  }
  return spec.has_run_phase() ? FillRunDates(now, *spec.mutable_run_phase()) : absl::OkStatus();
}

JobSummary Summarize(const JobEdges& edges) {
  if (edges.is_cancelled) {
    return SummarizeCancelled(edges);
  }
  const std::int64_t unserved = edges.sites_open + edges.servers_open;
  if (unserved > 0 && edges.is_late) {
    return {job::v1::JOB_STATE_FAILED,
            model::Reason(model::kDeadlinePassed,
                          absl::StrCat(Counted(edges.sites_open, "site"), " and ",
                                       Counted(edges.servers_open, "server"),
                                       " were not done at the deadline"))};
  }
  if (unserved + edges.targets_open > 0 || edges.sites_total == 0) {
    const bool retrying = edges.sites_retrying + edges.servers_retrying > 0;
    return retrying ? JobSummary{job::v1::JOB_STATE_RETRYING, DescribeWait(edges)}
                    : JobSummary{job::v1::JOB_STATE_ACTIVE, std::string()};
  }
  if (edges.sites_failed + edges.servers_failed + edges.targets_failed > 0) {
    return {job::v1::JOB_STATE_FAILED, DescribeFailures(edges)};
  }
  return {job::v1::JOB_STATE_COMPLETE, std::string()};
}

}  // namespace waybill::scheduler
