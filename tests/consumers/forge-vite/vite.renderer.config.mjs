// The page needs nothing, but the plug-in asks for the file.
export default {};
