#include "services/scheduler/registration_rules.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <string>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "common/config/values.h"
#include "common/model/ids.h"
#include "common/model/order_rules.h"
#include "common/model/proto_time.h"
#include "common/model/share_url.h"
#include "common/status/status_macros.h"
#include "common/tree/path.h"

namespace waybill::scheduler {
namespace {

constexpr int kSiteNameBytesMax = 200;
constexpr int kConcurrentSendsMax = 64;
constexpr std::size_t kPropertyNameBytesMax = 63;
constexpr absl::Duration kTimeLimitDefault = absl::Hours(1);

absl::Status Invalid(absl::string_view field, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", expected));
}

absl::Status CheckEndpoint(absl::string_view field, const std::string& endpoint) {
  if (const auto parsed = config::ParseAddress(endpoint); !parsed.ok()) {
    return Invalid(field, parsed.status().message());
  }
  int port = 0;
  const absl::string_view digits = absl::string_view(endpoint).substr(endpoint.rfind(':') + 1);
  if (!absl::SimpleAtoi(digits, &port) || port == 0) {
    return Invalid(field, "the port of another process is 1 to 65535");
  }
  return absl::OkStatus();
}

absl::Status CheckShare(absl::string_view field, const site::v1::Share& share) {
  if (share.drive().size() != 1 ||
      !absl::ascii_islower(static_cast<unsigned char>(share.drive().front()))) {
    return Invalid(absl::StrCat(field, ".drive"), "expected one letter a-z");
  }
  WAYBILL_RETURN_IF_ERROR(CheckAbsolutePath(absl::StrCat(field, ".directory"), share.directory()));
  return share.url().empty()
             ? absl::OkStatus()
             : model::CheckUrl(absl::StrCat(field, ".url"), share.url(), model::kShareUrlBytesMax);
}

absl::Status CheckServerMember(absl::string_view field, absl::string_view member) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(member, absl::MaxSplits('|', 1));
  if (!absl::StrContains(member, '|')) {
    return Invalid(field, "expected site|server, such as 'NYC|DS1'");
  }
  WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode(field, parts.first));
  return model::CheckHostName(field, parts.second);
}

absl::Status CheckProperties(absl::string_view field, const site::v1::Workstation& workstation) {
  if (workstation.properties_size() > kPropertiesMax) {
    return Invalid(field, absl::StrCat("at most ", kPropertiesMax, " properties"));
  }
  for (const auto& [name, value] : workstation.properties()) {
    if (name.size() > kPropertyNameBytesMax) {
      return Invalid(field, "names of properties have 1 to 63 bytes");
    }
    WAYBILL_RETURN_IF_ERROR(model::CheckDisplayName(absl::StrCat(field, " name"), name));
    WAYBILL_RETURN_IF_ERROR(
        model::CheckText(absl::StrCat(field, "['", name, "']"), value, kPropertyBytesMax));
  }
  return absl::OkStatus();
}

absl::Status CheckSmsIdOfSite(absl::string_view field, absl::string_view site_code,
                              absl::string_view sms_id) {
  WAYBILL_RETURN_IF_ERROR(model::CheckSmsId(field, sms_id));
  if (model::SiteCodeOf(sms_id) != site_code) {
    return Invalid(field, absl::StrCat("'", sms_id, "' is of site ", model::SiteCodeOf(sms_id),
                                       ", this is site ", site_code, ": register it there"));
  }
  return absl::OkStatus();
}

absl::Status CheckPlaceInTree(const Self& self, const site::v1::Site& site) {
  const std::string& code = site.site_code();
  const std::string& parent = site.parent_site_code();
  if (code == parent) {
    return absl::FailedPreconditionError(
        absl::StrCat("site ", code, " cannot be its own parent: it would close a circle"));
  }
  if (code == self.parent_site_code || absl::c_linear_search(self.ancestor_site_codes, code)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "site ", code, " is above site ", self.site_code, ": beneath it, it would close a circle"));
  }
  if (parent != self.site_code) {
    return absl::FailedPreconditionError(absl::StrCat("site ", code, " has the parent ", parent,
                                                      " and this is site ", self.site_code,
                                                      ": put it at site ", parent));
  }
  if (self.ancestor_site_codes.size() + 1 >= kSiteDepthMax) {
    return absl::FailedPreconditionError(
        absl::StrCat("site ", code, " would be deeper than ", kSiteDepthMax, " levels"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSameSite(const Self& stored, absl::string_view site_code,
                           absl::string_view parent_site_code) {
  if (stored.site_code != site_code) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the job database belongs to site ", stored.site_code, ", and --site-code says ", site_code,
        ": give site ", site_code, " a job database of its own"));
  }
  if (stored.parent_site_code != parent_site_code) {
    const auto shown = [](absl::string_view code) {
      return code.empty() ? std::string("no site (the central site)") : absl::StrCat("site ", code);
    };
    return absl::FailedPreconditionError(
        absl::StrCat("site ", site_code, " was set up beneath ", shown(stored.parent_site_code),
                     ", and --parent-site says ", shown(parent_site_code),
                     ": a site does not change its parent"));
  }
  return absl::OkStatus();
}

absl::Status CheckAbsolutePath(absl::string_view field, absl::string_view path) {
  if (!absl::StartsWith(path, "/")) {
    return Invalid(field, "expected an absolute path");
  }
  if (const absl::Status status = tree::CheckRelativePath(path.substr(1)); !status.ok()) {
    return Invalid(field, absl::StrCat("expected an absolute path without '.', '..' and needless "
                                       "slashes: ",
                                       status.message()));
  }
  return absl::OkStatus();
}

bool IsBeneath(absl::string_view root, absl::string_view path) {
  return absl::StartsWith(path, root) && (path.size() == root.size() || path[root.size()] == '/');
}

absl::Status CheckNoOverlap(absl::string_view field, absl::string_view directory,
                            absl::Span<const UsedDirectory> used) {
  for (const UsedDirectory& other : used) {
    if (IsBeneath(directory, other.directory) || IsBeneath(other.directory, directory)) {
      return absl::FailedPreconditionError(absl::StrCat(
          field, ": ", tree::Escaped(directory), " overlaps with ", tree::Escaped(other.directory),
          ", the directory of ", other.owner, ": choose another one"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSite(const site::v1::Site& site) {
  WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("site.site_code", site.site_code()));
  if (!site.parent_site_code().empty()) {
    WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("site.parent_site_code", site.parent_site_code()));
  }
  return model::CheckText("site.name", site.name(), kSiteNameBytesMax);
}

absl::Status CheckPutSite(const Self& self, const std::optional<site::v1::Site>& existing,
                          const site::v1::Site& site) {
  if (site.site_code() != self.site_code) {
    if (existing.has_value() && existing->parent_site_code() != site.parent_site_code()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "site ", site.site_code(), " has the parent ", existing->parent_site_code(),
          " already; a site has one parent, so it cannot get ", site.parent_site_code(), " too"));
    }
    return CheckPlaceInTree(self, site);
  }
  if (site.parent_site_code() == self.site_code) {
    return CheckPlaceInTree(self, site);
  }
  if (self.parent_site_code.empty() && !site.parent_site_code().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("site ", self.site_code, " is the central site and has no parent"));
  }
  if (!self.parent_site_code.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("this is site ", self.site_code,
                                                      " itself: put it at its parent, site ",
                                                      self.parent_site_code));
  }
  return absl::OkStatus();
}

absl::Status CheckAddress(const site::v1::Address& address) {
  WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("address.site_code", address.site_code()));
  WAYBILL_RETURN_IF_ERROR(CheckEndpoint("address.endpoint", address.endpoint()));
  if (address.concurrent_sends_max() < 1 || address.concurrent_sends_max() > kConcurrentSendsMax) {
    return Invalid("address.concurrent_sends_max",
                   absl::StrCat("expected 1 to ", kConcurrentSendsMax));
  }
  return absl::OkStatus();
}

absl::Status CheckDistributionServer(const site::v1::DistributionServer& server) {
  WAYBILL_RETURN_IF_ERROR(model::CheckHostName("server.server_name", server.server_name()));
  if (server.shares().empty()) {
    return Invalid("server.shares", "a distribution server has at least one share");
  }
  std::set<std::string> drives;
  std::vector<UsedDirectory> used;
  for (int i = 0; i < server.shares_size(); ++i) {
    const site::v1::Share& share = server.shares(i);
    const std::string field = absl::StrCat("server.shares[", i, "]");
    WAYBILL_RETURN_IF_ERROR(CheckShare(field, share));
    if (!drives.insert(share.drive()).second) {
      return Invalid(absl::StrCat(field, ".drive"),
                     absl::StrCat("'", share.drive(), "' is there twice"));
    }
    if (const absl::Status status =
            CheckNoOverlap(absl::StrCat(field, ".directory"), share.directory(), used);
        !status.ok()) {
      return absl::InvalidArgumentError(status.message());
    }
    used.push_back({absl::StrCat("drive ", share.drive()), share.directory()});
  }
  return absl::OkStatus();
}

absl::Status CheckLogonServer(const site::v1::LogonServer& server) {
  WAYBILL_RETURN_IF_ERROR(model::CheckHostName("server.server_name", server.server_name()));
  return CheckAbsolutePath("server.directory", server.directory());
}

absl::Status CheckGroup(const site::v1::Group& group) {
  WAYBILL_RETURN_IF_ERROR(model::CheckDisplayName("group.group_name", group.group_name()));
  if (group.kind() != site::v1::GROUP_KIND_WORKSTATIONS &&
      group.kind() != site::v1::GROUP_KIND_SERVERS) {
    return Invalid("group.kind", "expected GROUP_KIND_WORKSTATIONS or GROUP_KIND_SERVERS");
  }
  if (group.group_name() == kDefaultServersGroup && group.kind() != site::v1::GROUP_KIND_SERVERS) {
    return Invalid("group.kind", "the group 'Default Servers' is one of servers");
  }
  if (group.members_size() > model::kGroupMembersMax) {
    return Invalid("group.members", absl::StrCat("at most ", model::kGroupMembersMax));
  }
  for (int i = 0; i < group.members_size(); ++i) {
    const std::string field = absl::StrCat("group.members[", i, "]");
    WAYBILL_RETURN_IF_ERROR(group.kind() == site::v1::GROUP_KIND_SERVERS
                                ? CheckServerMember(field, group.members(i))
                                : model::CheckSmsId(field, group.members(i)));
  }
  return absl::OkStatus();
}

std::string WorkstationName(int index, const site::v1::Workstation& workstation) {
  return absl::StrCat("workstations[", index, "] (", workstation.domain(), "|",
                      workstation.host_name(), ")");
}

absl::Status CheckWorkstation(absl::string_view site_code, int index,
                              const site::v1::Workstation& workstation) {
  // Not by WorkstationName yet: these two may hold anything.
  const std::string place = absl::StrCat("workstations[", index, "]");
  WAYBILL_RETURN_IF_ERROR(
      model::CheckHostName(absl::StrCat(place, ".host_name"), workstation.host_name()));
  WAYBILL_RETURN_IF_ERROR(
      model::CheckHostName(absl::StrCat(place, ".domain"), workstation.domain()));
  const std::string name = WorkstationName(index, workstation);
  if (!workstation.site_code().empty() && workstation.site_code() != site_code) {
    return Invalid(absl::StrCat(name, ".site_code"),
                   absl::StrCat(tree::Escaped(workstation.site_code()), " is not this site, ",
                                site_code, ": register it there"));
  }
  if (!workstation.sms_id().empty()) {
    WAYBILL_RETURN_IF_ERROR(
        CheckSmsIdOfSite(absl::StrCat(name, ".sms_id"), site_code, workstation.sms_id()));
  }
  if (!workstation.operating_system().empty()) {
    WAYBILL_RETURN_IF_ERROR(model::CheckDisplayName(absl::StrCat(name, ".operating_system"),
                                                    workstation.operating_system()));
  }
  return CheckProperties(absl::StrCat(name, ".properties"), workstation);
}

absl::Status NoSuch(absl::string_view what, absl::Span<const std::string> names) {
  const std::size_t shown = std::min<std::size_t>(names.size(), kNamesShownMax);
  std::string text =
      absl::StrCat("no such ", what, ": ", absl::StrJoin(names.subspan(0, shown), ", "));
  if (shown < names.size()) {
    absl::StrAppend(&text, " and ", names.size() - shown, " more");
  }
  return absl::NotFoundError(text);
}

absl::Status CheckPackage(const package::v1::Package& package) {
  WAYBILL_RETURN_IF_ERROR(model::CheckDisplayName("name", package.name()));
  WAYBILL_RETURN_IF_ERROR(model::CheckComment("comment", package.comment()));
  WAYBILL_RETURN_IF_ERROR(CheckAbsolutePath("source_directory", package.source_directory()));
  if (package.commands_size() > kCommandsMax) {
    return Invalid("commands", absl::StrCat("at most ", kCommandsMax));
  }
  std::set<std::string> names;
  for (int i = 0; i < package.commands_size(); ++i) {
    const std::string& name = package.commands(i).command_name();
    const std::string field = absl::StrCat("commands[", i, "].command_name");
    WAYBILL_RETURN_IF_ERROR(model::CheckDisplayName(field, name));
    WAYBILL_RETURN_IF_ERROR(
        model::CheckCommand(absl::StrCat("command '", name, "'"), package.commands(i)));
    if (!names.insert(name).second) {
      return Invalid(field, absl::StrCat("'", name, "' is there twice"));
    }
  }
  return absl::OkStatus();
}

void SetDefaults(package::v1::Package& package) {
  for (package::v1::Command& command : *package.mutable_commands()) {
    if (!command.has_time_limit()) {
      *command.mutable_time_limit() = model::ToProto(kTimeLimitDefault);
    }
    if (command.success_exit_codes().empty()) {
      command.add_success_exit_codes(0);
    }
  }
}

absl::StatusOr<std::string> FindSourceRoot(absl::Span<const std::string> source_directories,
                                           absl::string_view source_directory) {
  absl::string_view found;
  for (const std::string& root : source_directories) {
    if (IsBeneath(root, source_directory) && root.size() > found.size()) {
      found = root;
    }
  }
  if (found.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "source_directory: ", tree::Escaped(source_directory),
        " is not beneath a configured source folder (--source-directory): ",
        source_directories.empty() ? "there is none" : absl::StrJoin(source_directories, ", ")));
  }
  return std::string(found);
}

}  // namespace waybill::scheduler
