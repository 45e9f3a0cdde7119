#include "services/scheduler/site_store.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "common/jobdb/database_query.h"
#include "common/status/status_macros.h"
#include "services/scheduler/registration_rules.h"

#include "scheduler_sql.h"

namespace waybill::scheduler {
namespace {

std::string Text(const pqxx::field& field) {
  return field.as<std::string>();
}

// A parameter that is NULL when `text` is empty.
std::optional<std::string> OrNull(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

Self SelfFromRow(const pqxx::row& row) {
  return {.site_code = Text(row["site_code"]),
          .parent_site_code = Text(row["parent_site_code"]),
          .ancestor_site_codes = jobdb::ReadTextArray(row["ancestor_site_codes"])};
}

site::v1::Site SiteFromRow(const pqxx::row& row) {
  site::v1::Site site;
  site.set_site_code(Text(row["site_code"]));
  site.set_parent_site_code(Text(row["parent_site_code"]));
  site.set_name(Text(row["name"]));
  return site;
}

site::v1::Address AddressFromRow(const pqxx::row& row) {
  site::v1::Address address;
  address.set_site_code(Text(row["site_code"]));
  address.set_endpoint(Text(row["endpoint"]));
  address.set_concurrent_sends_max(row["concurrent_sends_max"].as<int>());
  return address;
}

site::v1::LogonServer LogonServerFromRow(const std::string& site_code, const pqxx::row& row) {
  site::v1::LogonServer server;
  server.set_site_code(site_code);
  server.set_server_name(Text(row["server_name"]));
  server.set_directory(Text(row["directory"]));
  return server;
}

site::v1::Group GroupFromRow(const pqxx::row& row) {
  site::v1::Group group;
  group.set_group_name(Text(row["group_name"]));
  group.set_kind(static_cast<site::v1::GroupKind>(row["kind"].as<int>()));
  return group;
}

UsedDirectory UsedFromRow(const pqxx::row& row) {
  return {.owner = Text(row["owner"]), .directory = Text(row["directory"])};
}

std::string NameFromRow(const pqxx::row& row) {
  return Text(row[0]);
}

HierarchyRow HierarchyFromRow(const pqxx::row& row) {
  return {.site = SiteFromRow(row),
          .depth = row["depth"].as<int>(),
          .distribution_server_count = row["distribution_server_count"].as<std::int64_t>(),
          .workstation_count = row["workstation_count"].as<std::int64_t>(),
          .last_report_time = jobdb::ReadOptionalTime(row["last_report_time"])};
}

absl::Status NotClaimed() {
  return absl::FailedPreconditionError("the job database belongs to no site yet");
}

absl::StatusOr<Self> LockSelf(pqxx::transaction_base& work) {
  std::optional<Self> self = jobdb::FindOne(work, sql::kLockSelf, SelfFromRow);
  return self.has_value() ? absl::StatusOr<Self>(*std::move(self)) : NotClaimed();
}

absl::Status CheckOwnServer(const Self& self, const std::string& site_code) {
  if (site_code.empty() || site_code == self.site_code) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat("server.site_code: this is site ",
                                                    self.site_code, "; put a server of site ",
                                                    site_code, " there"));
}

// Rows come one for each share, ordered by server.
std::vector<site::v1::DistributionServer> ReadServers(pqxx::transaction_base& work,
                                                      const std::optional<std::string>& site_code,
                                                      const std::optional<std::string>& name) {
  std::vector<site::v1::DistributionServer> servers;
  const auto read = [&servers](const pqxx::row& row) {
    const std::string site = Text(row["site_code"]);
    const std::string server_name = Text(row["server_name"]);
    if (servers.empty() || servers.back().site_code() != site ||
        servers.back().server_name() != server_name) {
      servers.emplace_back().set_site_code(site);
      servers.back().set_server_name(server_name);
    }
    if (!row["drive"].is_null()) {
      site::v1::Share& share = *servers.back().add_shares();
      share.set_drive(Text(row["drive"]));
      share.set_directory(Text(row["directory"]));
      share.set_url(Text(row["url"]));
    }
    return 0;
  };
  jobdb::Query(work, sql::kListDistributionServers, read, site_code, name);
  return servers;
}

absl::Status CheckMembersKnown(pqxx::transaction_base& work, const site::v1::Group& group,
                               const std::vector<std::string>& members) {
  const bool servers = group.kind() == site::v1::GROUP_KIND_SERVERS;
  const std::vector<std::string> unknown =
      jobdb::Query(work, servers ? sql::kFindUnknownServers : sql::kFindUnknownWorkstations,
                   NameFromRow, members);
  return unknown.empty() ? absl::OkStatus()
                         : NoSuch(servers ? "distribution server" : "workstation", unknown);
}

}  // namespace

absl::Status SiteStore::ClaimDatabase(const std::string& site_code,
                                      const std::string& parent_site_code) {
  return database_.RunRetrying(sql::kCreateSelf, [&](pqxx::transaction_base& work) -> absl::Status {
    jobdb::Execute(work, sql::kCreateSelf, site_code, OrNull(parent_site_code));
    WAYBILL_ASSIGN_OR_RETURN(const Self self, LockSelf(work));
    WAYBILL_RETURN_IF_ERROR(CheckSameSite(self, site_code, parent_site_code));
    jobdb::Execute(work, sql::kCreateOwnSite, site_code, OrNull(parent_site_code));
    return absl::OkStatus();
  });
}

absl::StatusOr<Self> SiteStore::GetSelf() {
  return jobdb::GetOne(database_, NotClaimed(), sql::kGetSelf, SelfFromRow);
}

absl::Status SiteStore::PutSite(const site::v1::Site& site) {
  return database_.RunRetrying(sql::kPutSite, [&](pqxx::transaction_base& work) -> absl::Status {
    WAYBILL_ASSIGN_OR_RETURN(const Self self, LockSelf(work));
    const std::optional<site::v1::Site> existing =
        jobdb::FindOne(work, sql::kFindSite, SiteFromRow, site.site_code());
    WAYBILL_RETURN_IF_ERROR(CheckPutSite(self, existing, site));
    jobdb::Execute(work, sql::kPutSite, site.site_code(), OrNull(site.parent_site_code()),
                   site.name());
    return absl::OkStatus();
  });
}

absl::StatusOr<site::v1::Site> SiteStore::GetSite(const std::string& site_code) {
  return jobdb::GetOne(database_, NoSuch("site", {site_code}), sql::kFindSite, SiteFromRow,
                       site_code);
}

absl::StatusOr<std::vector<site::v1::Site>> SiteStore::ListSites() {
  return jobdb::Query(database_, sql::kListSites, SiteFromRow);
}

absl::Status SiteStore::PutAddress(const site::v1::Address& address) {
  return database_.RunRetrying(sql::kPutAddress, [&](pqxx::transaction_base& work) -> absl::Status {
    WAYBILL_ASSIGN_OR_RETURN(const Self self, LockSelf(work));
    const std::optional<site::v1::Site> site =
        jobdb::FindOne(work, sql::kFindSite, SiteFromRow, address.site_code());
    if (!site.has_value()) {
      return NoSuch("site", {address.site_code()});
    }
    if (site->site_code() != self.site_code && site->parent_site_code() != self.site_code) {
      return absl::FailedPreconditionError(
          absl::StrCat("site ", address.site_code(), " is reached through its parent, site ",
                       site->parent_site_code(), ": put its address there"));
    }
    jobdb::Execute(work, sql::kPutAddress, address.site_code(), address.endpoint(),
                   address.concurrent_sends_max());
    return absl::OkStatus();
  });
}

absl::StatusOr<site::v1::Address> SiteStore::GetAddress(const std::string& site_code) {
  return jobdb::GetOne(database_,
                       absl::NotFoundError(absl::StrCat("no address for site ", site_code)),
                       sql::kListAddresses, AddressFromRow, std::optional<std::string>(site_code));
}

absl::StatusOr<std::vector<site::v1::Address>> SiteStore::ListAddresses() {
  return jobdb::Query(database_, sql::kListAddresses, AddressFromRow, std::nullopt);
}

absl::Status SiteStore::PutDistributionServer(const site::v1::DistributionServer& server) {
  std::vector<std::string> drives;
  std::vector<std::string> directories;
  std::vector<std::string> urls;
  for (const site::v1::Share& share : server.shares()) {
    drives.push_back(share.drive());
    directories.push_back(share.directory());
    urls.push_back(share.url());
  }
  const std::string& name = server.server_name();
  return database_.RunRetrying(sql::kPutShares, [&](pqxx::transaction_base& work) -> absl::Status {
    WAYBILL_ASSIGN_OR_RETURN(const Self self, LockSelf(work));
    WAYBILL_RETURN_IF_ERROR(CheckOwnServer(self, server.site_code()));
    const std::vector<UsedDirectory> used =
        jobdb::Query(work, sql::kListUsedDirectories, UsedFromRow, self.site_code,
                     std::optional<std::string>(name));
    for (const std::string& directory : directories) {
      WAYBILL_RETURN_IF_ERROR(CheckNoOverlap("server.shares.directory", directory, used));
    }
    jobdb::Execute(work, sql::kBumpShareOffers, self.site_code, name, drives, directories, urls);
    jobdb::Execute(work, sql::kCreateDistributionServer, self.site_code, name);
    jobdb::Execute(work, sql::kDeleteOtherShares, self.site_code, name, drives);
    jobdb::Execute(work, sql::kPutShares, self.site_code, name, drives, directories, urls);
    return absl::OkStatus();
  });
}

absl::StatusOr<site::v1::DistributionServer> SiteStore::GetDistributionServer(
    const std::string& site_code, const std::string& server_name) {
  std::vector<site::v1::DistributionServer> servers;
  std::string site = site_code;
  WAYBILL_RETURN_IF_ERROR(database_.Run(
      sql::kListDistributionServers, [&](pqxx::transaction_base& work) -> absl::Status {
        if (site.empty()) {
          const std::optional<Self> self = jobdb::FindOne(work, sql::kGetSelf, SelfFromRow);
          if (!self.has_value()) {
            return NotClaimed();
          }
          site = self->site_code;
        }
        servers = ReadServers(work, site, server_name);
        return absl::OkStatus();
      }));
  if (servers.empty()) {
    return NoSuch("distribution server", {absl::StrCat(site, "|", server_name)});
  }
  return std::move(servers.front());
}

absl::StatusOr<std::vector<site::v1::DistributionServer>> SiteStore::ListDistributionServers(
    const std::string& site_code) {
  std::vector<site::v1::DistributionServer> servers;
  WAYBILL_RETURN_IF_ERROR(
      database_.Run(sql::kListDistributionServers, [&](pqxx::transaction_base& work) {
        servers = ReadServers(work, OrNull(site_code), std::nullopt);
        return absl::OkStatus();
      }));
  return servers;
}

absl::Status SiteStore::PutLogonServer(const site::v1::LogonServer& server) {
  return database_.RunRetrying(
      sql::kPutLogonServer, [&](pqxx::transaction_base& work) -> absl::Status {
        WAYBILL_ASSIGN_OR_RETURN(const Self self, LockSelf(work));
        WAYBILL_RETURN_IF_ERROR(CheckOwnServer(self, server.site_code()));
        std::vector<UsedDirectory> used;
        for (const site::v1::LogonServer& other : jobdb::Query(
                 work, sql::kListLogonServers,
                 [&self](const pqxx::row& row) { return LogonServerFromRow(self.site_code, row); },
                 std::nullopt)) {
          if (other.server_name() != server.server_name()) {
            used.push_back({absl::StrCat("logon server ", other.server_name()), other.directory()});
          }
        }
        WAYBILL_RETURN_IF_ERROR(CheckNoOverlap("server.directory", server.directory(), used));
        jobdb::Execute(work, sql::kPutLogonServer, server.server_name(), server.directory());
        return absl::OkStatus();
      });
}

absl::StatusOr<site::v1::LogonServer> SiteStore::GetLogonServer(const std::string& server_name) {
  WAYBILL_ASSIGN_OR_RETURN(const Self self, GetSelf());
  return jobdb::GetOne(
      database_, NoSuch("logon server", {server_name}), sql::kListLogonServers,
      [&self](const pqxx::row& row) { return LogonServerFromRow(self.site_code, row); },
      std::optional<std::string>(server_name));
}

absl::StatusOr<std::vector<site::v1::LogonServer>> SiteStore::ListLogonServers() {
  WAYBILL_ASSIGN_OR_RETURN(const Self self, GetSelf());
  return jobdb::Query(
      database_, sql::kListLogonServers,
      [&self](const pqxx::row& row) { return LogonServerFromRow(self.site_code, row); },
      std::nullopt);
}

absl::Status SiteStore::PutGroup(const site::v1::Group& group) {
  const std::vector<std::string> members(group.members().begin(), group.members().end());
  return database_.RunRetrying(sql::kPutMembers, [&](pqxx::transaction_base& work) -> absl::Status {
    WAYBILL_ASSIGN_OR_RETURN(const Self self, LockSelf(work));
    const std::optional<site::v1::Group> existing = jobdb::FindOne(
        work, sql::kListGroups, GroupFromRow, std::optional<std::string>(group.group_name()));
    if (existing.has_value() && existing->kind() != group.kind()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "group.kind: group '", group.group_name(), "' of site ", self.site_code, " is one of ",
          existing->kind() == site::v1::GROUP_KIND_SERVERS ? "servers" : "workstations"));
    }
    WAYBILL_RETURN_IF_ERROR(CheckMembersKnown(work, group, members));
    jobdb::Execute(work, sql::kCreateGroup, group.group_name(), group.kind());
    jobdb::Execute(work, sql::kDeleteOtherMembers, group.group_name(), members);
    jobdb::Execute(work, sql::kPutMembers, group.group_name(), members);
    return absl::OkStatus();
  });
}

absl::StatusOr<site::v1::Group> SiteStore::GetGroup(const std::string& group_name) {
  std::optional<site::v1::Group> group;
  WAYBILL_RETURN_IF_ERROR(
      database_.Run(sql::kListGroupMembers, [&](pqxx::transaction_base& work) -> absl::Status {
        group = jobdb::FindOne(work, sql::kListGroups, GroupFromRow,
                               std::optional<std::string>(group_name));
        if (!group.has_value()) {
          return NoSuch("group", {group_name});
        }
        for (std::string& member :
             jobdb::Query(work, sql::kListGroupMembers, NameFromRow, group_name)) {
          group->add_members(std::move(member));
        }
        return absl::OkStatus();
      }));
  return *std::move(group);
}

absl::StatusOr<std::vector<site::v1::Group>> SiteStore::ListGroups() {
  return jobdb::Query(database_, sql::kListGroups, GroupFromRow, std::nullopt);
}

absl::StatusOr<std::vector<HierarchyRow>> SiteStore::GetHierarchy() {
  return jobdb::Query(database_, sql::kGetHierarchy, HierarchyFromRow);
}

}  // namespace waybill::scheduler
