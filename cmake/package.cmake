# What is installed, and the Debian package: cmake --build --preset release --target package

include(GNUInstallDirs)
install(TARGETS bootwright RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS bootwright-fetch bootwright-download bootwright-keeper RUNTIME DESTINATION lib/bootwright)
install(PROGRAMS agent/puppet/trusted-facts DESTINATION lib/bootwright)
install(DIRECTORY agent/puppet/ruby DESTINATION lib/bootwright FILES_MATCHING PATTERN "*.rb"
    PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
install(FILES systemd/bootwright.service systemd/bootwright-ready.target DESTINATION lib/systemd/system)
install(FILES systemd/bootwright.tmpfiles DESTINATION lib/tmpfiles.d RENAME bootwright.conf)
install(FILES systemd/bootwright.sysusers DESTINATION lib/sysusers.d RENAME bootwright.conf)
install(FILES packaging/agent.json DESTINATION /etc/bootwright)
install(DIRECTORY DESTINATION /etc/bootwright/agent.d)
foreach(when before-run on-failure after-run)
    install(DIRECTORY DESTINATION /etc/bootwright/hooks.d/${when})
endforeach()
install(PROGRAMS packaging/login-message DESTINATION /etc/update-motd.d RENAME 60-bootwright)

# What Debian's policy asks of every package. gzip -n leaves out the time, so that the same sources give the same bytes.
set(changelog ${CMAKE_BINARY_DIR}/changelog.gz)
add_custom_command(
    OUTPUT ${changelog}
    COMMAND gzip -9nc ${CMAKE_SOURCE_DIR}/packaging/debian/changelog > ${changelog}
    DEPENDS packaging/debian/changelog VERBATIM)
add_custom_target(changelog ALL DEPENDS ${changelog})
install(FILES README.md packaging/debian/copyright ${changelog} DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES packaging/debian/lintian-overrides DESTINATION share/lintian/overrides RENAME bootwright)

# Manual pages, completion and JSON Schemas, made from the tables of commands and of keys, and from docs/; of the day of the changelog's last entry.
file(STRINGS packaging/debian/changelog changed REGEX "^ -- .*  ")
list(GET changed 0 changed)
string(REGEX REPLACE "^ -- .*  " "" changed "${changed}")
execute_process(COMMAND date --utc --date=${changed} +%Y-%m-%d OUTPUT_VARIABLE changed OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(pages ${CMAKE_BINARY_DIR}/pages)
file(GLOB documents CONFIGURE_DEPENDS docs/*.md)
add_custom_command(
    OUTPUT ${pages}/bootwright.1.gz
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${pages}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${pages}
    COMMAND $<TARGET_FILE:bootwright-pages> ${CMAKE_SOURCE_DIR}/docs ${changed} ${pages}
    COMMAND sh -c "gzip -9nk ${pages}/*.[157]"
    DEPENDS bootwright-pages ${documents} VERBATIM)
add_custom_target(pages ALL DEPENDS ${pages}/bootwright.1.gz)
foreach(section 1 5 7)
    install(DIRECTORY ${pages}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} FILES_MATCHING PATTERN "*.${section}.gz")
endforeach()
install(FILES ${pages}/agent.schema.json ${pages}/role.schema.json DESTINATION share/bootwright)
install(FILES ${pages}/bootwright.bash DESTINATION share/bash-completion/completions RENAME bootwright)
install(FILES ${pages}/_bootwright DESTINATION share/zsh/vendor-completions)
install(FILES ${pages}/bootwright.fish DESTINATION share/fish/vendor_completions.d)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "bootwright maintainers <maintainers@bootwright.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "configure an instance at boot from a pinned Puppet repository")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Baked into a base image, bootwright finds out where an instance runs, reads
the role that the instance was given (user-data, a cloud-init seed, a systemd
credential or a file), fetches the pinned revision of a Puppet repository,
applies it, and tells in a status file what happened. It needs no server.")
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_STRIP_FILES ON)
# Folders 0755, whatever the umask of who builds.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# The libraries come from dpkg-shlibdeps; these are the programs and data that no linker knows of.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "puppet-agent (>= 7) | puppet (>= 7) | openvox-agent, ca-certificates")
# One run in a container does without systemd; the others are for repositories over ssh, and for OpenPGP signatures.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "systemd, openssh-client, gpgv")

set(scripts ${CMAKE_SOURCE_DIR}/packaging/debian)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${scripts}/conffiles ${scripts}/triggers ${scripts}/postinst ${scripts}/prerm ${scripts}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# The same as an .rpm: (cd build/release && cpack -G RPM), on the system that it is for, as the libraries that rpm notes are
# those of the system that builds (docs/decisions/0039).
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/rpm_content.cmake)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_VENDOR "the bootwright authors")
set(CPACK_PACKAGE_RELOCATABLE OFF)
set(CPACK_RPM_SPEC_MORE_DEFINE "%define _build_id_links none") # /usr/lib/.build-id is for packages with debug information
set(CPACK_RPM_PACKAGE_LICENSE Apache-2.0)
set(CPACK_RPM_PACKAGE_DESCRIPTION ${CPACK_DEBIAN_PACKAGE_DESCRIPTION})
set(CPACK_RPM_PACKAGE_REQUIRES "ca-certificates, (puppet-agent >= 7 or puppet >= 7 or openvox-agent)")
set(CPACK_RPM_USER_FILELIST "%config(noreplace) /etc/bootwright/agent.json" "%config(noreplace) /etc/update-motd.d/60-bootwright")
set(CPACK_RPM_POST_INSTALL_SCRIPT_FILE ${CMAKE_SOURCE_DIR}/packaging/rpm/post)
set(CPACK_RPM_PRE_UNINSTALL_SCRIPT_FILE ${CMAKE_SOURCE_DIR}/packaging/rpm/preun)
set(CPACK_RPM_POST_UNINSTALL_SCRIPT_FILE ${CMAKE_SOURCE_DIR}/packaging/rpm/postun)
# Folders of other packages: to own them too would be a conflict.
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
    /etc/update-motd.d /usr/lib/systemd /usr/lib/systemd/system /usr/lib/sysusers.d /usr/lib/tmpfiles.d
    /usr/share/bash-completion /usr/share/bash-completion/completions /usr/share/fish /usr/share/fish/vendor_completions.d
    /usr/share/zsh /usr/share/zsh/site-functions /usr/share/man /usr/share/man/man1 /usr/share/man/man5 /usr/share/man/man7)
include(CPack)
