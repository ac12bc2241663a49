# What differs in an .rpm from the .deb, before it is packed: no overrides of lintian, and where zsh looks on such systems.
if(CPACK_GENERATOR STREQUAL "RPM")
    set(share ${CPACK_TEMPORARY_DIRECTORY}/usr/share)
    file(REMOVE_RECURSE ${share}/lintian)
    file(MAKE_DIRECTORY ${share}/zsh)
    file(RENAME ${share}/zsh/vendor-completions ${share}/zsh/site-functions)
endif()
