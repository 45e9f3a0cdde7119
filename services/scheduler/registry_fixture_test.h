#ifndef WAYBILL_SERVICES_SCHEDULER_REGISTRY_FIXTURE_TEST_H_
#define WAYBILL_SERVICES_SCHEDULER_REGISTRY_FIXTURE_TEST_H_

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "common/jobdb/database.h"
#include "common/jobdb/test_database.h"
#include "common/status/check.h"
#include "services/scheduler/package_store.h"
#include "services/scheduler/site_store.h"
#include "services/scheduler/workstation_store.h"

#include "scheduler_sql.h"
#include "waybill/package/v1/package.pb.h"
#include "waybill/site/v1/site.pb.h"

namespace waybill::scheduler {

/// The job database of one site with the stores of sites and packages over it. Site BOS has the
/// parent CEN, so that its registrations are reported; site CEN is the central one.
class Registry {
 public:
  explicit Registry(const std::string& site_code = "BOS", const std::string& parent = "CEN")
      : database(Open(db.uri())), sites(*database), workstations(*database), packages(*database) {
    WAYBILL_CHECK(sites.ClaimDatabase(site_code, parent).ok());
  }

  static std::unique_ptr<jobdb::Database> Open(const std::string& uri) {
    jobdb::Database::Options options;
    options.uri = uri;
    auto opened = jobdb::Database::Open(options, sql::kAll);
    WAYBILL_CHECK(opened.ok());
    return *std::move(opened);
  }

  std::string Text(const std::string& sql) const { return db.QueryText(sql); }
  std::string OutboxCount() const { return Text("SELECT count(*) FROM waybill.outbox"); }

  jobdb::TestDatabase db;
  std::unique_ptr<jobdb::Database> database;
  SiteStore sites;
  WorkstationStore workstations;
  PackageStore packages;
};

inline site::v1::Site MakeSite(const std::string& code, const std::string& parent,
                               const std::string& name = "") {
  site::v1::Site site;
  site.set_site_code(code);
  site.set_parent_site_code(parent);
  site.set_name(name);
  return site;
}

inline site::v1::Address MakeAddress(const std::string& code, const std::string& endpoint) {
  site::v1::Address address;
  address.set_site_code(code);
  address.set_endpoint(endpoint);
  address.set_concurrent_sends_max(3);
  return address;
}

/// Shares are {drive, directory}.
inline site::v1::DistributionServer MakeServer(
    const std::string& name, std::initializer_list<std::pair<const char*, const char*>> shares) {
  site::v1::DistributionServer server;
  server.set_server_name(name);
  for (const auto& [drive, directory] : shares) {
    site::v1::Share& share = *server.add_shares();
    share.set_drive(drive);
    share.set_directory(directory);
  }
  return server;
}

inline site::v1::LogonServer MakeLogonServer(const std::string& name,
                                             const std::string& directory) {
  site::v1::LogonServer server;
  server.set_server_name(name);
  server.set_directory(directory);
  return server;
}

inline site::v1::Group MakeGroup(const std::string& name, site::v1::GroupKind kind,
                                 std::initializer_list<const char*> members) {
  site::v1::Group group;
  group.set_group_name(name);
  group.set_kind(kind);
  for (const char* member : members) {
    group.add_members(member);
  }
  return group;
}

inline site::v1::Workstation MakeWorkstation(const std::string& domain,
                                             const std::string& host_name,
                                             const std::string& sms_id = "") {
  site::v1::Workstation workstation;
  workstation.set_domain(domain);
  workstation.set_host_name(host_name);
  workstation.set_sms_id(sms_id);
  workstation.set_operating_system("linux");
  return workstation;
}

/// With one command, "install".
inline package::v1::Package MakePackage(const std::string& name,
                                        const std::string& source_directory) {
  package::v1::Package package;
  package.set_name(name);
  package.set_source_directory(source_directory);
  package::v1::Command& command = *package.add_commands();
  command.set_command_name("install");
  command.add_arguments("bin/setup");
  command.add_arguments("--quiet, \"{a}\"");
  command.mutable_time_limit()->set_seconds(300);
  command.add_success_exit_codes(0);
  command.add_success_exit_codes(3010);
  command.add_platforms("linux");
  return package;
}

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_REGISTRY_FIXTURE_TEST_H_
