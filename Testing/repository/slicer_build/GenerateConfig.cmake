# Slicer writes the description of the extension here; without one of these it stops.
foreach(entry HOMEPAGE CONTRIBUTORS DESCRIPTION ICONURL SCREENSHOTURLS DEPENDS)
  if(NOT EXTENSION_${entry})
    message(FATAL_ERROR "EXTENSION_${entry} is not set")
  endif()
endforeach()
